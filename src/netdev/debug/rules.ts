/** The rule that each kind of mistake of a driver breaks. */
export const RULES: Readonly<Record<string, string>> = {
  'use-after-free': 'a frame that was freed belongs to the pool',
  'use-after-hand-over': 'a frame that was handed on belongs to its receiver',
  'double-free': 'a frame is freed once',
  'write-after-free': 'found when its slot was to be used again: a reference to its bytes was kept',
  'out-of-bounds': "a frame's room is from skb.head to skb.end",
  'uninitialized-read':
    'behind skb.tail are bytes of older frames: look at skb.len first, or put() first',
  'red-zone':
    'found when the frame was handed on, freed or swept: it is not in the room from skb.head to skb.end',
  'frame-bounds': 'a frame lies between skb.head and skb.end',
  'frame-short': 'a frame has an Ethernet header of 14 bytes',
  protocol: 'ethTypeTrans sets it before netifRx',
  checksum: 'the kernel drops what has a wrong checksum, or trusts what is marked as checked',
  gso: 'gsoSize and gsoType describe the headers of the frame',
  'freed-uncounted': 'a frame that does not arrive is dropped (kfree_skb_reason), which counts it',
  'past-end': 'put() first: bytes past skb.tail are not in the frame',
  'ring-overflow':
    'push() returns false if the ring is full: stop the queue before, or drop the frame',
  'started-not-woken': 'a queue that is up is woken (netif_wake_queue): start is for ndoOpen',
  'counted-twice': 'vnet counts packets, bytes and multicasts itself',
  leak: 'each frame is handed on or freed',
  held: 'a frame is handed on, freed, or dropped when its time is over',
  'irq-not-freed': 'ndoStop frees what ndoOpen requested (free_irq)',
  'irq-not-acknowledged': 'a handler clears the bits that it handles (acknowledge)',
  'irq-claimed': 'a handler returns IRQ_NONE for an interrupt that its device did not raise',
  'napi-not-disabled': 'ndoStop disables what ndoOpen enabled (napi_disable)',
  'queue-stopped': 'a stopped queue is woken, or watchdogTimeo lets ndoTxTimeout repair it',
  'busy-changed': 'with NETDEV_TX_BUSY the frame is offered again, as it was',
  exception: 'a driver returns errors and does not throw',
}
