// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  EBUSY,
  ENOMEM,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  NSEC_PER_MSEC,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  text,
} from 'vnet'

/** @typedef {import('vnet').SkBuff} SkBuff */
/** @typedef {{ skb: SkBuff | undefined }} Descriptor */
/** @typedef {(Descriptor | undefined)[]} Slots */
/**
 * @typedef {object} Priv
 * @property {{ delay: number, slots: number, fails: string }} params
 * @property {Kernel} kernel
 * @property {Slots} slots a ring: slots[n % params.slots]
 *   has frame n
 * @property {number} head the number of the next frame
 * @property {number} tail the number of the oldest one;
 *   equal to head in an empty ring
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  delay: int({ default: 5, max: 1000, description: 'ms that the card takes' }),
  slots: int({ default: 8, min: 1, max: 1024, description: 'frames in the ring' }),
  fails: text({
    default: '',
    live: true,
    description: 'the call that fails, such as kmem_cache_alloc',
  }),
}

/**
 * How memory is requested: the kernel may sleep until
 * there is some, or not.
 */
const GFP_KERNEL = 'GFP_KERNEL'
const GFP_ATOMIC = 'GFP_ATOMIC'

/** @typedef {typeof GFP_KERNEL | typeof GFP_ATOMIC} Gfp */

/** The kernel's calls, which may fail, and the card. */
class Kernel {
  /**
   * For the checks: the calls, by their names in the
   * kernel, and which of them fails.
   * @type {string[]}
   */
  calls = []
  fails = ''
  #isAtomic = false
  #hasCache = false
  /** @type {Set<Descriptor>} */
  #objects = new Set()
  /** @type {Set<Slots>} */
  #arrays = new Set()
  /** @type {(() => void) | undefined} */
  #handler

  /** @param {Device} dev */
  constructor(dev) {
    const { clock } = dev.net
    const card = clock.alarm(() => this.atomic(() => this.#handler?.()))
    this.kick = () => card.at(clock.now() + dev.priv.params.delay * NSEC_PER_MSEC)
    this.reset = () => card.cancel()
    this.params = dev.priv.params
  }

  /** Everything that has not been released. */
  get taken() {
    const all = { cache: this.#hasCache, objects: this.#objects.size, arrays: this.#arrays.size }
    return { ...all, handler: this.#handler !== undefined }
  }

  /**
   * Runs a function where nothing may sleep.
   * @param {() => void} run
   */
  atomic(run) {
    const before = this.#isAtomic
    this.#isAtomic = true
    try {
      run()
    } finally {
      this.#isAtomic = before
    }
  }

  /** Returns whether it succeeded. */
  kmemCacheCreate() {
    if (!this.#attempt('kmem_cache_create', true)) return false
    this.#hasCache = true
    return true
  }

  kmemCacheDestroy() {
    this.#attempt('kmem_cache_destroy', true)
    if (!this.#hasCache) throw new Error('BUG: kmem_cache_destroy of no cache')
    const { size } = this.#objects
    if (size > 0) throw new Error(`BUG: kmem_cache_destroy with ${size} objects remaining`)
    this.#hasCache = false
  }

  /**
   * @param {Gfp} gfp
   * @returns {Descriptor | undefined}
   */
  kmemCacheAlloc(gfp) {
    if (!this.#attempt('kmem_cache_alloc', gfp !== GFP_ATOMIC)) return undefined
    const made = { skb: undefined }
    this.#objects.add(made)
    return made
  }

  /** @param {Descriptor} object */
  kmemCacheFree(object) {
    this.#attempt('kmem_cache_free', false)
    if (!this.#objects.delete(object)) {
      throw new Error('BUG: kmem_cache_free of an object that is free')
    }
  }

  /**
   * @param {number} length
   * @param {Gfp} gfp
   * @returns {Slots | undefined}
   */
  kcalloc(length, gfp) {
    if (!this.#attempt('kcalloc', gfp !== GFP_ATOMIC)) return undefined
    const made = /** @type {Slots} */ (Array(length).fill(undefined))
    this.#arrays.add(made)
    return made
  }

  /** @param {Slots} array */
  kfree(array) {
    this.#attempt('kfree', false)
    if (!this.#arrays.delete(array)) throw new Error('BUG: kfree of memory that is free')
  }

  /**
   * From now on the handler runs. Returns 0, or -EBUSY.
   * @param {() => void} handler
   */
  requestIrq(handler) {
    if (!this.#attempt('request_irq', true)) return -EBUSY
    this.#handler = handler
    return 0
  }

  freeIrq() {
    this.#attempt('free_irq', true)
    if (this.#handler === undefined) {
      throw new Error('WARNING: free_irq of an interrupt that is free')
    }
    this.#handler = undefined
  }

  /**
   * @param {string} name
   * @param {boolean} maySleep
   */
  #attempt(name, maySleep) {
    this.calls.push(name)
    if (this.#isAtomic && maySleep) {
      throw new Error(`BUG: sleeping function called from invalid context: ${name}`)
    }
    return this.fails !== name && this.params.fails !== name
  }
}

/**
 * Makes a frame one that comes back from where it was
 * sent. Returns 0, or the reason for a drop.
 * @param {SkBuff} skb
 * @param {Device} dev
 */
function reflect(skb, dev) {
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  ipv4.swapAddresses(skb.bytes, skb.nh)
  ethernet.swapAddresses(skb.bytes, skb.data)
  return 0
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  dev.priv.kernel = new Kernel(dev)
}

/**
 * Takes the oldest frame out of the ring, and frees its
 * descriptor; undefined if the ring is empty.
 * @param {Priv} priv
 * @returns {SkBuff | undefined}
 */
function take(priv) {
  if (priv.tail === priv.head) return undefined
  const at = priv.tail++ % priv.params.slots
  const descriptor = /** @type {Descriptor} */ (priv.slots[at])
  priv.slots[at] = undefined
  priv.kernel.kmemCacheFree(descriptor)
  return descriptor.skb
}

/**
 * The card has interrupted.
 * @param {Device} dev
 */
function interrupt(dev) {
  for (let skb = take(dev.priv); skb !== undefined; skb = take(dev.priv)) {
    netifRx(skb)
  }
  netifTxWakeAllQueues(dev)
}

/**
 * The interface was brought up. Returns 0, or an error.
 * @param {Device} dev
 */
function open(dev) {
  const { priv } = dev
  // #todo 1: a cache of descriptors, the slots, the
  // #skeleton // interrupt; undo what was done if one fails.
  // #skeleton Object.assign(priv, { slots: [], head: 0, tail: 0 })
  const { kernel, params } = priv
  if (!kernel.kmemCacheCreate()) return -ENOMEM
  const slots = kernel.kcalloc(params.slots, GFP_KERNEL)
  if (slots === undefined) {
    kernel.kmemCacheDestroy()
    return -ENOMEM
  }
  Object.assign(priv, { slots, head: 0, tail: 0 })
  const error = kernel.requestIrq(() => interrupt(dev))
  if (error !== 0) {
    kernel.kfree(slots)
    kernel.kmemCacheDestroy()
    return error
  }
  // #end
  netifTxStartAllQueues(dev)
  return 0
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function stop(dev) {
  // #solution
  const { priv } = dev
  // #end
  netifTxStopAllQueues(dev)
  // #todo 2: give everything back, the last first.
  priv.kernel.reset()
  priv.kernel.freeIrq()
  for (let skb = take(priv); skb !== undefined; skb = take(priv)) {
    skb.drop(SKB_DROP_REASON_DEV_STOPPED)
  }
  priv.kernel.kfree(priv.slots)
  priv.kernel.kmemCacheDestroy()
  // #end
}

/**
 * @param {SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  // #solution
  const { priv } = dev
  // #end
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  // #todo 3: a descriptor for the frame, if one is left.
  // #todo 4: put it into its slot; kick the card for the
  // #skeleton // first, stop the queue with the last.
  // #skeleton skb.drop()
  const descriptor = priv.kernel.kmemCacheAlloc(GFP_ATOMIC)
  if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)
  descriptor.skb = skb
  skb.hold()
  if (priv.head === priv.tail) {
    priv.kernel.kick()
  }
  priv.slots[priv.head++ % priv.params.slots] = descriptor
  if (priv.head - priv.tail === priv.params.slots) {
    dev.txq(skb).stop()
  }
  // #end
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = {
  ndoInit: devInit,
  ndoOpen: open,
  ndoStop: stop,
  // With the lock of the queue: nothing may sleep.
  ndoStartXmit: (skb, dev) => dev.priv.kernel.atomic(() => startXmit(skb, dev)),
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/** @param {Priv['params']} params */
function init(params) {
  const dev = allocEtherdevMqs({ name: 'ported%d', setup, priv: /** @type {Priv} */ ({ params }) })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'ported',
  description: 'a mirror as a module has it',
  params,
  init,
})
