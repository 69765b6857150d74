// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  NSEC_PER_MSEC,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/** @typedef {import('vnet').SkBuff} SkBuff */
/** @typedef {{ delay: number, slots: number, seed: number, pace: number }} Values */
/** @typedef {{ params: Values, machine: Machine }} Priv */
/** @typedef {import('vnet').NetDevice<Priv>} Device */
/** @typedef {{ ring: readonly SkBuff[], isStopped: boolean, lock: Cpu | undefined }} Memory */

const params = {
  delay: int({ default: 5, min: 1, max: 1000, description: 'ms until a frame is back' }),
  slots: int({
    default: 8,
    min: 1,
    max: 1024,
    description: 'frames in the ring with which the queue is stopped',
  }),
  seed: int({ default: 1, min: 1, description: 'selects the order in which the two CPUs run' }),
  pace: int({
    default: 100,
    min: 1,
    max: 100_000,
    description: 'us between the steps of CPU 1 alone',
  }),
}

/** Turns after which a CPU waits for ever. */
const LOCKUP = 1000

/**
 * One of the two CPUs. Call its functions by `yield*`:
 * there the other CPU may run.
 */
class Cpu {
  /**
   * @param {Machine} machine
   * @param {string} name
   */
  constructor(machine, name) {
    this.machine = machine
    this.name = name
    /**
     * Its writes that have not reached memory.
     * @type {[keyof Memory, any][]}
     */
    this.written = []
    this.waits = 'runs'
  }

  /**
   * @template {keyof Memory} K
   * @param {K} name
   * @returns {Generator<undefined, Memory[K]>}
   */
  *read(name) {
    yield
    const own = this.written.findLast(each => each[0] === name)
    const value = own === undefined ? this.machine.memory[name] : own[1]
    this.log(`reads ${name}: ${Array.isArray(value) ? value.length : value}`)
    return value
  }

  /**
   * @template {keyof Memory} K
   * @param {K} name
   * @param {Memory[K]} value
   */
  *write(name, value) {
    yield
    this.written.push([name, value])
    this.log(`writes ${name}: ${Array.isArray(value) ? value.length : value}`)
  }

  /** Waits until memory has all that this CPU wrote. */
  *barrier() {
    yield
    this.flush()
    this.log('barrier')
  }

  *lock() {
    const { memory, cpus } = this.machine
    this.waits = 'waits for the lock'
    yield
    this.flush()
    while (memory.lock !== undefined) {
      yield
      // Meanwhile what the owner wrote arrives.
      cpus[this === cpus[0] ? 1 : 0].drain()
    }
    memory.lock = this
    this.waits = 'runs'
    this.log('locks')
  }

  *unlock() {
    yield
    this.written.push(['lock', undefined])
    this.log('unlocks')
  }

  *stopQueue() {
    yield* this.write('isStopped', true)
  }

  *wakeQueue() {
    yield* this.write('isStopped', false)
  }

  /** Arms the timer for `delay` from now, or moves it. */
  *armTimer() {
    yield
    this.machine.arm()
  }

  /**
   * Disarms the timer. Its function may run, on the other
   * CPU.
   */
  *deleteTimer() {
    yield
    this.machine.timer.cancel()
    this.log('deletes the timer')
  }

  /** Disarms the timer; waits for its function to end. */
  *deleteTimerSync() {
    this.waits = "waits for the timer's function"
    do {
      yield
      this.machine.timer.cancel()
    } while (this.machine.running !== undefined)
    this.waits = 'runs'
    this.machine.later.cancel()
    this.machine.cpus[1].flush()
  }

  /** Brings the oldest write to memory. */
  drain() {
    const [name, value] = this.written.shift() ?? []
    if (name !== undefined) {
      this.machine.arrive(name, value)
    }
  }

  flush() {
    while (this.written.length > 0) {
      this.drain()
    }
  }

  /** @param {string} text */
  log(text) {
    this.machine.trace.push(`${this.name} ${text}`)
  }

  /**
   * Runs a function up to its next `yield*`. Returns
   * whether it has ended.
   * @param {Iterator<unknown, void>} code
   */
  runs(code) {
    const { done = false, value } = code.next()
    if (!done && value !== undefined) {
      throw new Error('yield without *: yield* cpu.lock(), not yield cpu.lock()')
    }
    return done
  }
}

/**
 * CPU 0 runs the device's operations, CPU 1 the timer's
 * function, in an order of the seed.
 */
class Machine {
  /** @param {Device} dev */
  constructor(dev) {
    const { clock } = dev.net
    /** @type {Memory} */
    this.memory = { ring: [], isStopped: false, lock: undefined }
    this.cpus = [new Cpu(this, 'CPU 0'), new Cpu(this, 'CPU 1')]
    /** @type {string[]} the steps, for the checks */
    this.trace = []
    /**
     * The timer's function, while it runs.
     * @type {Iterator<unknown, void> | undefined}
     */
    this.running = undefined
    this.dev = dev
    this.random = 0
    this.seed(dev.priv.params.seed)
    this.timer = clock.alarm(() => this.expire())
    this.later = clock.alarm(() => this.resume())
    this.waker = clock.alarm(() => this.memory.isStopped || dev.tx[0].wake())
  }

  /**
   * @param {number} number selects the order in which the
   *   CPUs run from now on
   */
  seed(number) {
    this.random = Math.imul(number, 2654435761)
    this.trace = []
  }

  /**
   * A number from 0 that is less than n.
   * @param {number} n
   */
  choose(n) {
    this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0
    return (this.random >>> 16) % n
  }

  /**
   * Runs a function on CPU 0 to its end.
   * @param {(cpu: Cpu) => Iterator<unknown, void>} start
   */
  run(start) {
    const [cpu, other] = this.cpus
    const code = start(cpu)
    for (let turn = 0, ends = false; turn < LOCKUP; turn++) {
      // What it wrote may reach memory when the function
      // has ended.
      if (ends) return cpu.flush()
      for (let n = this.choose(12); n > 0 && !ends; n--) {
        ends = cpu.runs(code)
      }
      for (let n = this.choose(16); n > 0; n--) {
        this.step()
      }
      if (this.choose(4) === 0) {
        this.cpus[this.choose(2)].drain()
      }
    }
    throw new Error(`soft lockup: CPU 0 ${cpu.waits}, and CPU 1 ${other.waits}`)
  }

  step() {
    if (this.running !== undefined && this.cpus[1].runs(this.running)) {
      this.running = undefined
    }
  }

  /** The timer rings. */
  expire() {
    if (this.running !== undefined) return this.timer.at(this.afterStep())
    this.running = expired(this.cpus[1])
    this.resume()
  }

  /** CPU 1 runs for a while, without CPU 0. */
  resume() {
    if (this.running === undefined) return this.cpus[1].flush()
    for (let n = this.choose(4); n > 0; n--) {
      this.step()
    }
    this.later.at(this.afterStep())
  }

  afterStep() {
    return this.dev.net.clock.now() + (this.dev.priv.params.pace * NSEC_PER_MSEC) / 1000
  }

  arm() {
    const { clock } = this.dev.net
    this.timer.at(clock.now() + this.dev.priv.params.delay * NSEC_PER_MSEC)
  }

  /**
   * Something that was written reaches memory.
   * @template {keyof Memory} K
   * @param {K} name
   * @param {Memory[K]} value
   */
  arrive(name, value) {
    this.memory[name] = value
    if (name !== 'isStopped') return
    if (value) {
      this.dev.tx[0].stop()
    }
    // Not in the middle of a function: the kernel then
    // transmits the next frame.
    else {
      this.waker.at(this.dev.net.clock.now())
    }
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
 * CPU 0: a frame is transmitted.
 * @param {Cpu} cpu
 * @param {SkBuff} skb
 * @param {Device} dev
 * @returns {Generator<undefined, void>}
 */
function* transmit(cpu, skb, dev) {
  // TODO 1: put the frame into the ring, which the other
  // CPU uses too, and arm the timer.
  // TODO 3: stop the queue of a full ring, and look again.
  yield
  skb.drop()
}

/**
 * CPU 1: the timer has expired.
 * @param {Cpu} cpu
 * @returns {Generator<undefined, void>}
 */
function* expired(cpu) {
  // TODO 2: hand over all frames of the ring.
  // TODO 3: wake the queue if it is stopped.
}

/**
 * CPU 0: the interface goes down.
 * @param {Cpu} cpu
 * @returns {Generator<undefined, void>}
 */
function* shutDown(cpu) {
  // TODO 4: delete the timer, and drop the ring's frames.
}

/**
 * Called when the device is registered: dev.net is set.
 * @param {Device} dev
 */
function devInit(dev) {
  dev.priv.machine = new Machine(dev)
}

/**
 * The interface was brought up.
 * @param {Device} dev
 */
function open(dev) {
  dev.priv.machine.memory.isStopped = false
  netifTxStartAllQueues(dev)
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function stop(dev) {
  netifTxStopAllQueues(dev)
  dev.priv.machine.run(shutDown)
}

/**
 * @param {SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  skb.hold()
  dev.priv.machine.run(cpu => transmit(cpu, skb, dev))
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = { ndoInit: devInit, ndoOpen: open, ndoStop: stop, ndoStartXmit: startXmit }

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
}

/** @param {Priv['params']} params */
function init(params) {
  const dev = allocEtherdevMqs({ name: 'cpus%d', setup, priv: /** @type {Priv} */ ({ params }) })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'cpus',
  description: 'a mirror on two CPUs',
  params,
  init,
})
