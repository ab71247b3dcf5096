/** Numbers of the MMIO transport (virtio 1.2, sections 2.1, 4.2.2 and 6). */

export const MAGIC_VALUE = 0x000;
export const VERSION = 0x004;
export const DEVICE_ID = 0x008;
export const VENDOR_ID = 0x00c;
export const DEVICE_FEATURES = 0x010;
export const DEVICE_FEATURES_SEL = 0x014;
export const DRIVER_FEATURES = 0x020;
export const DRIVER_FEATURES_SEL = 0x024;
export const QUEUE_SEL = 0x030;
export const QUEUE_NUM_MAX = 0x034;
export const QUEUE_NUM = 0x038;
export const QUEUE_READY = 0x044;
export const QUEUE_NOTIFY = 0x050;
export const INTERRUPT_STATUS = 0x060;
export const INTERRUPT_ACK = 0x064;
export const STATUS = 0x070;
// The high half of each ring address is 4 bytes further on.
export const QUEUE_DESC_LOW = 0x080;
export const QUEUE_DRIVER_LOW = 0x090;
export const QUEUE_DEVICE_LOW = 0x0a0;
export const SHM_LEN_LOW = 0x0b0;
export const SHM_LEN_HIGH = 0x0b4;
export const SHM_BASE_LOW = 0x0b8;
export const SHM_BASE_HIGH = 0x0bc;
export const CONFIG_GENERATION = 0x0fc;
export const CONFIG = 0x100;

/** "virt" */
export const MAGIC = 0x74726976;
/** "WASM" */
export const VENDOR = 0x4d534157;

export const STATUS_ACKNOWLEDGE = 1;
export const STATUS_DRIVER = 2;
export const STATUS_DRIVER_OK = 4;
export const STATUS_FEATURES_OK = 8;
export const STATUS_NEEDS_RESET = 64;
const STATUS_FAILED = 128;
/** All bits that the driver may set. */
export const STATUS_DRIVER_BITS =
  STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED;

export const INT_USED = 1;
export const INT_CONFIG = 2;

export const F_INDIRECT_DESC = 28;
export const F_EVENT_IDX = 29;
export const F_VERSION_1 = 32;
/** What the transport offers in the low word for every device. */
export const RING_FEATURES = (1 << F_INDIRECT_DESC) | (1 << F_EVENT_IDX);
/** What it offers in the high word. */
export const FEATURES_HI = 1 << (F_VERSION_1 - 32);
