/** Worlds for tests of virtual time, which close at the end of the test. */
import { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import { VirtualTime, type VirtualTimeOptions } from '../../../src/memory/time/virtual-time.ts'

export function start(options?: VirtualTimeOptions): VirtualTime {
  const time = new VirtualTime(options)
  onTestFinished(() => time.close())
  return time
}

/** Returns the two ends of a connection with a latency of 10 ms. */
export function pair({ clock }: VirtualTime): [Duplex, Duplex] {
  const end = (peer: () => Duplex): Duplex => {
    const later = (fn: () => void) => clock.alarm(fn).at(clock.now() + 10_000_000)
    const duplex = new Duplex({
      read: () => {},
      write: (chunk, _encoding, done) => {
        later(() => peer().push(chunk))
        done()
      },
      final: done => {
        later(() => peer().push(null))
        done()
      },
    })
    // Part of the sockets that http and undici use.
    const none = () => duplex
    return Object.assign(duplex, {
      setTimeout: none,
      setNoDelay: none,
      setKeepAlive: none,
      ref: none,
      unref: none,
    })
  }
  const near: Duplex = end(() => far)
  const far: Duplex = end(() => near)
  return [near, far]
}
