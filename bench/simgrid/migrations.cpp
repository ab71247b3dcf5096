// The peer of bench/centre.ts: live migrations in SimGrid's own plugin, from a file of one line each:
//   source target ramBytes speedBytesPerSec dirtyShare workingSetBytes
// usage: migrations serial|at-once|pairs HOSTS FILE; fat trees for 128 and 1,024 hosts, else pairs of hosts with a link each.
// Prints CPU seconds of the simulation (platform and reading excluded), and the simulated time it ended at.
#include <simgrid/plugins/live_migration.h>
#include <simgrid/s4u.hpp>

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;

constexpr double HOST_FLOPS = 1e9;
// As many as vms may meet on a host: a writer dirties memory by what it computes, so those that shared one core would
// dirty a part of what they are to.
constexpr int HOST_CORES = 64;
constexpr double LINK_BYTES_PER_SEC = 1.25e9;
constexpr double LINK_LATENCY_SEC = 20e-6;

struct Row {
  unsigned source, target;
  double ramBytes, speed, dirtyShare, workingSetBytes;
};

static std::vector<Row> rowsOf(const char* path) {
  std::vector<Row> rows;
  FILE* file = fopen(path, "r");
  if (!file) {
    perror(path);
    exit(2);
  }
  Row row;
  while (fscanf(file, "%u %u %lf %lf %lf %lf", &row.source, &row.target, &row.ramBytes, &row.speed, &row.dirtyShare,
                &row.workingSetBytes) == 6)
    rows.push_back(row);
  fclose(file);
  return rows;
}

static std::vector<sg4::Host*> hosts;

static std::pair<simgrid::kernel::routing::NetPoint*, simgrid::kernel::routing::NetPoint*>
makeHost(sg4::NetZone* zone, const std::vector<unsigned long>&, unsigned long id) {
  auto* host = zone->create_host("host-" + std::to_string(id), HOST_FLOPS)->set_core_count(HOST_CORES)->seal();
  if (hosts.size() <= id) hosts.resize(id + 1);
  hosts[id] = host;
  return {host->get_netpoint(), nullptr};
}

static void makeFatTree(unsigned count) {
  const bool isSmall = count == 128;
  sg4::FatTreeParams shape = isSmall ? sg4::FatTreeParams(2, {16, 8}, {1, 4}, {1, 1})
                                     : sg4::FatTreeParams(2, {32, 32}, {1, 8}, {1, 1});
  sg4::create_fatTree_zone("tree", nullptr, shape, {makeHost, {}, {}}, LINK_BYTES_PER_SEC, LINK_LATENCY_SEC,
                           sg4::Link::SharingPolicy::SPLITDUPLEX)
      ->seal();
}

// Host 2i and 2i+1 with a link of their own.
static void makePairs(unsigned count) {
  auto* zone = sg4::create_full_zone("pairs");
  for (unsigned i = 0; i < count; i++)
    hosts.push_back(zone->create_host("host-" + std::to_string(i), HOST_FLOPS)->set_core_count(HOST_CORES)->seal());
  for (unsigned i = 0; i + 1 < count; i += 2) {
    auto* link = zone->create_link("link-" + std::to_string(i), LINK_BYTES_PER_SEC)->set_latency(LINK_LATENCY_SEC)->seal();
    zone->add_route(hosts[i]->get_netpoint(), hosts[i + 1]->get_netpoint(), nullptr, nullptr, {sg4::LinkInRoute(link)});
  }
  zone->seal();
}

static void moveOne(const Row& row, size_t number) {
  auto* vm = hosts[row.source]->create_vm("vm-" + std::to_string(number), 1);
  vm->set_ramsize(static_cast<size_t>(row.ramBytes));
  sg_vm_set_dirty_page_intensity(vm, row.dirtyShare);
  sg_vm_set_working_set_memory(vm, static_cast<sg_size_t>(row.workingSetBytes));
  sg_vm_set_migration_speed(vm, row.speed);
  vm->start();
  sg4::ExecPtr writer;
  if (row.dirtyShare > 0) {
    // More would lose what is done of it to rounding.
    writer = sg4::this_actor::exec_init(1e14);
    writer->set_host(vm)->start();
  }
  sg_vm_migrate(vm, hosts[row.target]);
  if (writer) writer->cancel();
  vm->destroy();
}

int main(int argc, char** argv) {
  sg4::Engine engine(&argc, argv);
  sg_vm_live_migration_plugin_init();
  if (argc != 4) {
    fprintf(stderr, "usage: migrations serial|at-once HOSTS FILE\n");
    return 2;
  }
  const bool isSerial = std::string(argv[1]) == "serial";
  const unsigned count = std::stoul(argv[2]);
  const std::vector<Row> rows = rowsOf(argv[3]);
  if (count == 128 || count == 1024) makeFatTree(count);
  else makePairs(count);
  const clock_t began = clock();
  double endedAt = 0;
  if (isSerial) {
    sg4::Actor::create("one-after-another", hosts[0], [&] {
      for (size_t i = 0; i < rows.size(); i++) moveOne(rows[i], i);
      endedAt = sg4::Engine::get_clock();
    });
  } else {
    for (size_t i = 0; i < rows.size(); i++)
      sg4::Actor::create("move-" + std::to_string(i), hosts[rows[i].source], [&, i] {
        moveOne(rows[i], i);
        endedAt = sg4::Engine::get_clock();
      });
  }
  engine.run();
  printf("{\"cpuSec\":%.6f,\"simulatedSec\":%.6f,\"migrations\":%zu}\n",
         static_cast<double>(clock() - began) / CLOCKS_PER_SEC, endedAt, rows.size());
  return 0;
}
