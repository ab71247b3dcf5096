/** Where the devices of our machine are: the map and interrupt numbers of QEMU's `virt`. */

export const SYSCON_BASE = 0x10_0000;
export const RTC_BASE = 0x10_1000;
export const RTC_IRQ = 11;
export const ACLINT_BASE = 0x200_0000;
export const PLIC_BASE = 0xc00_0000;
export const UART_BASE = 0x1000_0000;
export const UART_IRQ = 10;
/** Slot `n` is at `VIRTIO_BASE + n * VIRTIO_STRIDE` with interrupt `VIRTIO_IRQ + n`. */
export const VIRTIO_BASE = 0x1000_1000;
export const VIRTIO_STRIDE = 0x1000;
export const VIRTIO_IRQ = 1;
export const VIRTIO_SLOTS = 8;
export const RAM_BASE = 0x8000_0000;

export const HARTS_MAX = 8;
