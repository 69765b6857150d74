// @ts-check

/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'tdlen-in-descriptors',
    step: 1,
    inKernel:
      'TDLEN takes multiples of 128 bytes, so 256 is a ring of 16: the card starts again at descriptor 0 after 16 frames, and the driver does not.',
    explainedBy: 'TDLEN is in bytes',
    replace: [
      'writel(hw, e1000.E1000_TDLEN, tx.count * e1000.E1000_DESC_SIZE)',
      'writel(hw, e1000.E1000_TDLEN, tx.count)',
    ],
  },
  {
    name: 'no-base',
    step: 1,
    inKernel:
      'The card reads descriptors at the bus address 0: with an IOMMU the log has a DMAR fault, without one it sends what is there.',
    explainedBy: 'tx.desc.dma, the address for the card',
    replace: ['  writel(hw, e1000.E1000_TDBAL, tx.desc.dma)\n', ''],
  },
  {
    name: 'transmitter-off',
    step: 1,
    inKernel:
      'The tail moves, the head does not: the ring fills, and watchdog_timeo later the log has "transmit queue 0 timed out".',
    explainedBy: 'EN is not set in TCTL',
    replace: ['e1000.E1000_TCTL_EN | e1000.E1000_TCTL_PSP', 'e1000.E1000_TCTL_PSP'],
  },
  {
    name: 'cpu-address',
    step: 2,
    inKernel:
      'An address of the CPU is none of the bus: with an IOMMU a DMAR fault, without one another memory leaves by the cable, silently.',
    explainedBy: 'has the address of dmaMapSingle',
    replace: [
      'tx.desc.write32(at + e1000.DESC_BUFFER_ADDR, dma)',
      'tx.desc.write32(at + e1000.DESC_BUFFER_ADDR, skb.data)',
    ],
  },
  {
    name: 'no-eop',
    step: 2,
    inKernel:
      'The card waits for the rest of the frame: nothing leaves, or later frames leave as one that is too long.',
    explainedBy: 'and EOP, IFCS and RS',
    replace: ['e1000.E1000_TXD_CMD_EOP | e1000.E1000_TXD_CMD_IFCS', 'e1000.E1000_TXD_CMD_IFCS'],
  },
  {
    name: 'no-rs',
    step: 2,
    inKernel:
      'The card sends the frame, and reports nothing: DD stays clear, sk_buffs are never freed, and the ring is full after one lap.',
    explainedBy: 'with RS in its command',
    replace: [
      ' | e1000.E1000_TXD_CMD_IFCS | e1000.E1000_TXD_CMD_RS',
      ' | e1000.E1000_TXD_CMD_IFCS',
    ],
  },
  {
    name: 'no-doorbell',
    step: 2,
    inKernel:
      'The frame waits in memory that the card does not look at, until some later frame moves the tail.',
    explainedBy: 'then TDT',
    replace: ['  writel(hw, e1000.E1000_TDT, tx.nextToUse)\n', ''],
  },
  {
    name: 'whole-buffer',
    step: 2,
    inKernel:
      'What follows the frame in memory leaves with it: bytes of other sockets and processes, as in CVE-2003-0001.',
    explainedBy: 'the length of the descriptor is skb.len',
    replace: [
      [
        'const dma = dmaMapSingle(pdev, skb, skb.len, DMA',
        'const dma = dmaMapSingle(pdev, skb, skb.len + 4, DMA',
      ],
      ['tx.lengths[i] = skb.len', 'tx.lengths[i] = skb.len + 4'],
      ['DESC_LOWER, skb.len | command)', 'DESC_LOWER, (skb.len + 4) | command)'],
    ],
  },
  {
    name: 'tail-first',
    step: 2,
    inKernel:
      'The card may read the descriptor before it is written: it sends the frame of the last lap, whose memory has another owner now.',
    explainedBy: 'so write it first',
    replace: [
      [
        '  const at = i * e1000.E1000_DESC_SIZE\n  const command',
        '  const at = i * e1000.E1000_DESC_SIZE\n  writel(hw, e1000.E1000_TDT, (i + 1) % tx.count)\n  const command',
      ],
      ['  writel(hw, e1000.E1000_TDT, tx.nextToUse)\n', ''],
    ],
  },
  {
    name: 'relaxed-without-barrier',
    step: 2,
    inKernel:
      'Nothing orders the store to memory and writel_relaxed: on arm64 the card may find an old descriptor, once in days, on x86 never.',
    explainedBy: 'writelRelaxed does not, without dmaWmb',
    replace: [
      [
        'writel(hw, e1000.E1000_TDT, tx.nextToUse)',
        'writelRelaxed(hw, e1000.E1000_TDT, tx.nextToUse)',
      ],
      ["  writel,\n} from 'vnet/pci'", "  writel,\n  writelRelaxed,\n} from 'vnet/pci'"],
    ],
  },
  {
    name: 'free-at-once',
    step: 3,
    inKernel:
      'The card reads memory that is free, and perhaps another’s: without an IOMMU nothing reports it, and the frame has other bytes.',
    explainedBy: 'stays mapped until DD is set',
    replace: [
      [
        'writel(hw, e1000.E1000_TDT, tx.nextToUse)',
        'writel(hw, e1000.E1000_TDT, tx.nextToUse)\n  unmap(dev, i).free()\n  tx.nextToClean = tx.nextToUse',
      ],
    ],
  },
  {
    name: 'never-unmasks',
    step: 3,
    inKernel:
      'One interrupt, one poll, and silence: the ring fills, and the watchdog resets a card that works.',
    explainedBy: 'IMS lets it interrupt again',
    replace: [
      'if (napi.completeDone()) {\n    writel(dev.priv.hw, e1000.E1000_IMS, IMS_ENABLE_MASK)\n  }',
      'napi.completeDone()',
    ],
  },
  {
    name: 'never-cleans',
    step: 3,
    inKernel:
      'Sent frames count against the send buffer of their socket: a program that sends hangs, and all is right with the card.',
    explainedBy: 'the card has sent 2 frames, and the driver still has 2',
    replace: [
      '  while (tx.nextToClean !== tx.nextToUse) {',
      '  while (tx.nextToClean > tx.nextToUse) {',
    ],
  },
  {
    name: 'keeps-the-mapping',
    step: 3,
    inKernel:
      'The entries of the IOMMU and of swiotlb are used up after some thousand frames: then no driver can map anything.',
    explainedBy: 'dmaUnmapSingle before anything else',
    replace: ['  dmaUnmapSingle(pdev, tx.dma[i] ?? 0, tx.lengths[i] ?? 0, DMA_TO_DEVICE)\n', ''],
  },
  {
    name: 'other-length',
    step: 3,
    inKernel:
      'With swiotlb or an IOMMU a part of the mapping remains, or that of a neighbour goes: CONFIG_DMA_API_DEBUG reports it, nothing else does.',
    explainedBy: 'with the length of dmaMapSingle',
    replace: ['tx.lengths[i] = skb.len', 'tx.lengths[i] = ETH_DATA_LEN'],
  },
  {
    name: 'no-wrap',
    step: 2,
    inKernel:
      'The driver writes past the end of the ring, into memory of another owner: KASAN reports it, a kernel without it crashes later, elsewhere.',
    explainedBy: 'starts again at 0 after the last descriptor',
    replace: ['tx.nextToUse = (i + 1) % tx.count', 'tx.nextToUse = i + 1'],
  },
  {
    name: 'stale-dd',
    step: 2,
    inKernel:
      'The descriptor looks done before the card has read it: the frame is freed under the card, but only if something else interrupts in time.',
    explainedBy: 'clear what the last lap has left in it',
    replace: ['  tx.desc.write32(at + e1000.DESC_UPPER, 0)\n', ''],
  },
  {
    name: 'dd-ignored',
    step: 3,
    inKernel:
      'Any interrupt frees all frames in the ring: the card reads memory of others, and sends it.',
    explainedBy: 'DD is not set yet',
    replace: [
      '    if ((status & e1000.E1000_TXD_STAT_DD) === 0) break\n',
      '    if (status > 255) break\n',
    ],
  },
  {
    name: 'never-stops',
    step: 4,
    inKernel:
      'Descriptors that the card has not read are overwritten: their sk_buffs and mappings are lost, and the head never meets the tail.',
    explainedBy: 'stopped with frame 7',
    replace: ['if (descUnused(tx) === 0) {', 'if (descUnused(tx) < 0) {'],
  },
  {
    name: 'stops-one-late',
    step: 4,
    inKernel:
      'The last descriptor is used, too: head and tail are equal, so the card takes a full ring for an empty one, and stops.',
    explainedBy: 'stopped with frame 7',
    replace: ['if (descUnused(tx) === 0) {', 'if (tx.nextToUse === tx.nextToClean) {'],
  },
  {
    name: 'stops-one-early',
    step: 4,
    inKernel: 'One descriptor is never used: harmless, and a waste in a small ring.',
    explainedBy: 'stopped with frame 7',
    replace: ['if (descUnused(tx) === 0) {', 'if (descUnused(tx) <= 1) {'],
  },
  {
    name: 'never-wakes',
    step: 4,
    inKernel:
      'After the first full ring the interface is dead: the queue stays stopped, until the watchdog of the kernel resets the card.',
    explainedBy: 'cleanTxIrq wakes the queue',
    replace: ['    dev.tx[0].wake()\n', '    dev.tx[0].stop()\n'],
  },
  {
    name: 'wakes-a-full-ring',
    step: 4,
    inKernel:
      'The next frame finds no descriptor: the driver overwrites one, or returns NETDEV_TX_BUSY and the kernel tries again and again.',
    explainedBy: 'wake it only if descriptors are free',
    replace: [
      'if (dev.tx[0]?.stopped && descUnused(tx) >= tx.count >> 1) {',
      'if (dev.tx[0]?.stopped) {',
    ],
  },
  {
    name: 'map-error-ignored',
    step: 2,
    inKernel:
      'The descriptor gets DMA_MAPPING_ERROR, all ones: the card reads there, and the driver later unmaps what it has not mapped.',
    explainedBy: 'dmaMappingError(pdev, dma) after each dmaMapSingle',
    replace: ['  if (dmaMappingError(pdev, dma)) return skb.drop(SKB_DROP_REASON_NOMEM)\n', ''],
  },
  {
    name: 'map-error-stops',
    step: 2,
    inKernel:
      'Nothing is in the ring, so no interrupt follows that would wake the queue: the interface is dead for want of one mapping.',
    explainedBy: 'no descriptor is used, and the queue runs',
    replace: [
      'if (dmaMappingError(pdev, dma)) return skb.drop(SKB_DROP_REASON_NOMEM)',
      'if (dmaMappingError(pdev, dma)) dev.txq(skb).stop()\n  if (dmaMappingError(pdev, dma)) return skb.drop(SKB_DROP_REASON_NOMEM)',
    ],
  },
  {
    name: 'map-error-as-sent',
    step: 2,
    inKernel: 'consume_skb means success: no counter and no trace of drop_monitor shows the loss.',
    explainedBy: 'dropped: nothing',
    replace: ['return skb.drop(SKB_DROP_REASON_NOMEM)', 'return skb.free()'],
  },
  {
    name: 'card-left-on',
    step: 5,
    inKernel:
      'The card reads a ring that is free, and sends what it takes for frames: memory of others, until the next reset.',
    explainedBy: 'resetHw in close',
    replace: ['  resetHw(priv.hw)\n  cleanTxRing(dev)\n', '  cleanTxRing(dev)\n'],
  },
  {
    name: 'takes-back-first',
    step: 5,
    inKernel:
      'Between the unmapping and the reset the card reads memory that was freed: a window of some microseconds, which a busy machine hits.',
    explainedBy: 'were unmapped or freed before the card was reset',
    replace: [
      '  resetHw(priv.hw)\n  cleanTxRing(dev)\n',
      '  cleanTxRing(dev)\n  resetHw(priv.hw)\n',
    ],
  },
  {
    name: 'leaves-frames',
    step: 5,
    inKernel:
      'The sk_buffs in the ring are lost, and so are the references that they hold: a socket that waits for them is never freed.',
    explainedBy: 'cleanTxRing unmaps and drops each',
    replace: ['  cleanTxRing(dev)\n', ''],
  },
  {
    name: 'frees-as-sent',
    step: 5,
    inKernel:
      'e1000_clean_tx_ring does so, by napi_consume_skb: no counter and no trace has the frames that were lost. Here each has a reason.',
    explainedBy: 'cleanTxRing unmaps and drops each',
    replace: ['unmap(dev, i).drop(SKB_DROP_REASON_DEV_STOPPED)', 'unmap(dev, i).free()'],
  },
  {
    name: 'ring-left',
    inKernel:
      'Each down and up loses the memory of a ring; after rmmod, CONFIG_DMA_API_DEBUG has "device driver has pending DMA allocations".',
    explainedBy: 'what open has allocated, close frees',
    replace: ['  dmaFreeCoherent(priv.pdev, priv.tx.desc)\n', ''],
  },
]
