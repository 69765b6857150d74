// @ts-check

/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'rdlen-in-descriptors',
    step: 1,
    inKernel:
      'RDLEN takes multiples of 128 bytes, so 256 is a ring of 16: the card starts again at descriptor 0, and the driver waits at the 17th.',
    explainedBy: 'RDLEN is in bytes',
    replace: [
      'writel(hw, e1000.E1000_RDLEN, rx.count * e1000.E1000_DESC_SIZE)',
      'writel(hw, e1000.E1000_RDLEN, rx.count)',
    ],
  },
  {
    name: 'receiver-off',
    step: 1,
    inKernel: 'The link is up, ping has no reply, and all counters of the card are 0.',
    explainedBy: 'EN is not set in RCTL',
    replace: ['e1000.E1000_RCTL_EN | e1000.E1000_RCTL_BAM', 'e1000.E1000_RCTL_BAM'],
  },
  {
    name: 'no-fill',
    step: 2,
    inKernel:
      'The card counts each frame in RNBC, no receive buffer, until its packet buffer is full, and then in MPC.',
    explainedBy: 'a ring whose head is its tail is empty',
    replace: ['  configureRx(dev)\n  allocRxBuffers(dev)\n', '  configureRx(dev)\n'],
  },
  {
    name: 'fills-all',
    step: 2,
    inKernel:
      'RDT is RDH again, and a ring that is full looks empty: the card receives nothing, for ever, and no register says why.',
    explainedBy: 'a ring whose head is its tail is empty',
    replace: [
      [
        'for (let left = descUnused(rx); left > 0; left--) {',
        'for (let left = descUnused(rx) + 1; left > 0; left--) {',
      ],
    ],
  },
  {
    name: 'rdt-not-moved',
    step: 2,
    inKernel:
      'The descriptors are right, and the card does not look at them: it still has the ring that it had at the start.',
    explainedBy: 'a ring whose head is its tail is empty',
    replace: ['  writel(hw, e1000.E1000_RDT, rx.nextToUse)\n', ''],
  },
  {
    name: 'cpu-address',
    step: 2,
    inKernel:
      'The card writes frames to wherever the bus address leads: with an IOMMU a DMAR fault, without one memory of others is overwritten.',
    explainedBy: 'a frame of 1000 bytes',
    replace: [
      'rx.desc.write32(at + e1000.DESC_BUFFER_ADDR, dma)',
      'rx.desc.write32(at + e1000.DESC_BUFFER_ADDR, skb.data)',
    ],
  },
  {
    name: 'other-direction',
    step: 2,
    inKernel:
      'DMA_TO_DEVICE maps for reading only: the IOMMU refuses the write; without one, a CPU with a cache that is not coherent reads old bytes.',
    explainedBy: 'DMA Write',
    replace: [
      [
        'const dma = dmaMapSingle(pdev, skb, RX_BUFFER_LEN, DMA_FROM_DEVICE)',
        'const dma = dmaMapSingle(pdev, skb, RX_BUFFER_LEN, DMA_TO_DEVICE)',
      ],
      [
        '    unmap(dev, rx, i, DMA_FROM_DEVICE).free()\n',
        '    unmap(dev, rx, i, DMA_TO_DEVICE).free()\n',
      ],
      [
        '    const skb = unmap(dev, rx, i, DMA_FROM_DEVICE)\n',
        '    const skb = unmap(dev, rx, i, DMA_TO_DEVICE)\n',
      ],
    ],
  },
  {
    name: 'crc-in-length',
    step: 4,
    inKernel:
      'Each packet has 4 bytes at its end that IP does not count: harmless for IP, wrong for a bridge, which sends them on.',
    explainedBy: 'the 4 bytes of the CRC, too',
    replace: [
      '(rx.desc.read32(at + e1000.DESC_LOWER) & 0xffff) - e1000.ETH_FCS_LEN',
      '(rx.desc.read32(at + e1000.DESC_LOWER) & 0xffff)',
    ],
  },
  {
    name: 'handed-on-mapped',
    step: 4,
    inKernel:
      'The stack reads a buffer that swiotlb has not copied back, or that a cache hides: old bytes, on some machines only.',
    explainedBy: 'is mapped for DMA',
    replace: [
      [
        '    const skb = unmap(dev, rx, i, DMA_FROM_DEVICE)\n',
        '    const skb = /** @type {SkBuff} */ (rx.skbs[i])\n',
      ],
      [
        '    netifRx(skb)\n  }\n  if',
        '    netifRx(skb)\n    unmap(dev, rx, i, DMA_FROM_DEVICE)\n  }\n  if',
      ],
    ],
  },
  {
    name: 'no-protocol',
    step: 4,
    inKernel:
      'skb->protocol is 0 and skb->data points to the Ethernet header: the stack finds no handler for the frame and drops it.',
    explainedBy: 'the protocol of a frame of IPv4 was 0',
    replace: ['    ethTypeTrans(skb, dev)\n', ''],
  },
  {
    name: 'never-unmasks',
    step: 4,
    inKernel: 'One interrupt, one poll, and silence: the ring fills, and MPC counts.',
    explainedBy: 'a frame of 1000 bytes',
    replace: [
      'if (work < budget && napi.completeDone(work)) {\n    writel(dev.priv.hw, e1000.E1000_IMS, IMS_ENABLE_MASK)\n  }',
      'if (work < budget) napi.completeDone(work)',
    ],
  },
  {
    name: 'no-rmb',
    step: 4,
    inKernel:
      'The CPU may load the length before the status: on arm64 a frame has now and then the length of the last lap, on x86 never.',
    explainedBy: 'dmaRmb after DD was seen',
    replace: ['    // The length is read after the status.\n    dmaRmb(pdev)\n', ''],
  },
  {
    name: 'rmb-too-late',
    step: 4,
    inKernel:
      'A barrier orders what is before it and what is after it: here, both loads are before.',
    explainedBy: 'dmaRmb after DD was seen',
    replace: [
      ['    // The length is read after the status.\n    dmaRmb(pdev)\n', ''],
      ['    const skb = unmap(dev, rx', '    dmaRmb(pdev)\n    const skb = unmap(dev, rx'],
    ],
  },
  {
    name: 'no-refill',
    step: 5,
    inKernel:
      'The interface receives 255 frames after each up, and then nothing: ping works, a download stops.',
    explainedBy: 'each in a new buffer',
    replace: ['  if (work > 0) {\n    allocRxBuffers(dev)\n  }\n', ''],
  },
  {
    name: 'no-wrap',
    step: 5,
    inKernel:
      'The driver writes past the end of the ring, into memory of another owner: KASAN reports it, a kernel without it crashes later, elsewhere.',
    explainedBy: 'of coherent memory of',
    replace: ['    rx.nextToUse = (i + 1) % rx.count\n  }', '    rx.nextToUse = i + 1\n  }'],
  },
  {
    name: 'clean-no-wrap',
    step: 4,
    inKernel:
      'The driver reads behind its ring, where no DD is set: it receives one lap of frames, and waits.',
    explainedBy: 'frames, one by one, with 7 buffers',
    replace: [
      'rx.nextToClean = (i + 1) % rx.count\n    work++',
      'rx.nextToClean = i + 1\n    work++',
    ],
  },
  {
    name: 'stale-dd',
    step: 5,
    inKernel:
      'A descriptor that the card has not filled looks done: the stack gets an empty buffer with the length of an old frame, and the card still writes to it.',
    explainedBy: 'whose descriptor has the status 0',
    replace: ['    rx.desc.write32(at + e1000.DESC_UPPER, 0)\n', ''],
  },
  {
    name: 'refills-one',
    step: 5,
    inKernel:
      'Each failure of an allocation costs a buffer for good: after a month of pressure on memory the ring is small, and frames are missed.',
    explainedBy: 'each refill fills all unused descriptors',
    replace: [
      [
        'function allocRxBuffers(dev) {',
        'function allocRxBuffers(dev, count = dev.priv.rx.count) {',
      ],
      [
        'for (let left = descUnused(rx); left',
        'for (let left = Math.min(count, descUnused(rx)); left',
      ],
      [
        '  if (work > 0) {\n    allocRxBuffers(dev)\n',
        '  if (work > 0) {\n    allocRxBuffers(dev, work)\n',
      ],
    ],
  },
  {
    name: 'ignores-the-budget',
    step: 4,
    inKernel:
      'A flood keeps one CPU in the poll of one card: other cards, timers and programs wait, which the budget is there to prevent.',
    explainedBy: 'budget',
    replace: [
      'while (work < budget && rx.nextToClean !== rx.nextToUse) {',
      'while (rx.nextToClean !== rx.nextToUse) {',
    ],
  },
  {
    name: 'completes-always',
    step: 4,
    inKernel:
      'napi_complete_done with a whole budget: frames remain in the ring until the next one interrupts, and ping is late by a second.',
    explainedBy: 'budget',
    replace: ['if (work < budget && napi.completeDone(work)) {', 'if (napi.completeDone(work)) {'],
  },
  {
    name: 'map-error-ignored',
    step: 2,
    inKernel:
      'The descriptor gets DMA_MAPPING_ERROR, all ones, and the card writes the next frame there.',
    explainedBy: 'dmaMappingError(pdev, dma) after each dmaMapSingle',
    replace: ['    if (dmaMappingError(pdev, dma)) {\n      skb.free()\n      break\n    }\n', ''],
  },
  {
    name: 'map-error-leaks',
    step: 2,
    inKernel:
      'Each failure loses a buffer, as kmemleak reports: memory that is short gets shorter.',
    explainedBy: 'allocRxBuffers one that cannot be mapped',
    replace: [
      '    if (dmaMappingError(pdev, dma)) {\n      skb.free()\n      break\n    }\n',
      '    if (dmaMappingError(pdev, dma)) {\n      break\n    }\n',
    ],
  },
  {
    name: 'without-memory',
    step: 2,
    inKernel:
      'A NULL pointer dereference in the poll, in an interrupt: the machine panics, because memory was short for a moment.',
    explainedBy: 'there was no memory for new buffers',
    replace: ['    if (skb === undefined) break\n', ''],
  },
  {
    name: 'no-address',
    step: 1,
    inKernel:
      'The card takes frames for the address of its EEPROM only: after ip link set address, ping gets no reply, unless tcpdump runs.',
    explainedBy: 'OTHERHOST',
    replace: ['  writel(hw, e1000.E1000_RAL, a | (b << 8) | (c << 16) | (d << 24))\n', ''],
  },
  {
    name: 'address-once',
    step: 1,
    inKernel:
      'The address that the card had at first remains in its filter: after ip link set address, ping gets no reply, unless tcpdump runs.',
    explainedBy: 'open writes dev.devAddr to RAL and RAH',
    replace: [
      '  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = dev.devAddr\n',
      '  const first = (dev.priv.first ??= [...dev.devAddr])\n  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = first\n',
    ],
  },
  {
    name: 'card-left-on',
    inKernel:
      'The card writes frames into memory that was freed, and has another owner now: slabs, page tables, anything, for as long as the link is up.',
    explainedBy: 'the receiver is on',
    replace: ['  resetHw(priv.hw)\n  cleanTxRing(dev)\n', '  cleanTxRing(dev)\n'],
  },
  {
    name: 'leaves-buffers',
    step: 3,
    inKernel: 'Each down and up loses 255 buffers of 2 KiB, and as many entries of the IOMMU.',
    explainedBy: 'cleanRxRing unmaps and frees each buffer',
    replace: ['  cleanRxRing(dev)\n', ''],
  },
  {
    name: 'frees-mapped',
    step: 3,
    inKernel:
      'The memory is free and still mapped: CONFIG_DMA_API_DEBUG reports what is left, and the IOMMU has no entries after some hundred ups.',
    explainedBy: 'cleanRxRing unmaps and frees each buffer',
    replace: ['    unmap(dev, rx, i, DMA_FROM_DEVICE).free()\n', '    rx.skbs[i]?.free()\n'],
  },
  {
    name: 'unmaps-as-sent',
    step: 3,
    inKernel:
      'The direction decides which caches are written back or discarded: CONFIG_DMA_API_DEBUG reports "frees DMA memory with different direction".',
    explainedBy: 'the length and the direction of dmaMapSingle',
    replace: [
      '    unmap(dev, rx, i, DMA_FROM_DEVICE).free()\n',
      '    unmap(dev, rx, i, DMA_TO_DEVICE).free()\n',
    ],
  },
]
