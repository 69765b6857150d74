/** Transfers: TCP connections from host a, on each of which b receives the same number of bytes. */
import type { TcpConnection } from '@vnet/inet'
import { type Alarm, explain, formatAddress, NSEC_PER_MSEC, NSEC_PER_SEC, VnetError } from 'vnet'
import type { TrafficOptions } from './traffic.ts'

const BYTES = 200_000
const CHUNK = 1 << 16
const PORT = 5002
/** After which the progress of a transfer is reported. */
const PROGRESS_NS = 10 * NSEC_PER_SEC

/** The transfers of one world, any number at a time. */
export class Transfers {
  readonly #options: TrafficOptions
  /** Bytes that b received, by the port of a. */
  readonly #received = new Map<number, number>()
  readonly #progress = new Set<Alarm>()

  constructor(options: TrafficOptions) {
    this.#options = options
    options.b.tcp.listen({ address: undefined, port: PORT }, 8, connection =>
      this.#accept(connection),
    )
  }

  start(): void {
    const { clock, a, target, tell } = this.#options
    const start = clock.now()
    const before = this.#repeated
    let left = BYTES
    const push = () => {
      while (left > 0) {
        const taken = connection.write(new Uint8Array(Math.min(left, CHUNK)))
        if (taken <= 0) return
        left -= taken
      }
      connection.shutdown()
    }
    const took = () => timeText(clock.now() - start)
    const received = () => grouped(this.#from(connection.local.port))
    const progress = clock.alarm(() => {
      tell(`tcp: ${received()} of ${grouped(BYTES)} bytes after ${took()}`)
      progress.at(clock.now() + PROGRESS_NS)
    })
    const end = (line: string) => {
      progress.cancel()
      this.#progress.delete(progress)
      tell(line)
    }
    const onReadable = () => {
      // The other side closes after the last byte.
      if (connection.read() !== null) return
      connection.close()
      const again = this.#repeated - before
      end(
        `tcp: ${received()} bytes in ${took()}, ${again} segment${again === 1 ? '' : 's'} sent again`,
      )
    }
    const onError = (errno: number) =>
      end(`tcp: ${explain(new VnetError(errno, ['connect', formatAddress(target)]))}`)
    const events = { onConnect: push, onWritable: push, onReadable, onError }
    const connection = a.tcp.connect({ address: target, port: PORT }, events)
    this.#progress.add(progress)
    progress.at(start + PROGRESS_NS)
  }

  close(): void {
    for (const alarm of this.#progress) {
      alarm.cancel()
    }
  }

  #accept(connection: TcpConnection): void {
    const { port } = connection.remote
    this.#received.set(port, 0)
    const onReadable = () => {
      let chunk = connection.read()
      for (; chunk; chunk = connection.read()) {
        this.#received.set(port, this.#from(port) + chunk.length)
      }
      if (chunk === null) {
        connection.close()
      }
    }
    connection.events = { onConnect() {}, onReadable, onWritable() {}, onError() {} }
  }

  #from(port: number): number {
    return this.#received.get(port) ?? 0
  }

  get #repeated(): number {
    return this.#options.a.ip.counters().TcpRetransSegs ?? 0
  }
}

/** Returns `less than 1 ms`, `12 ms` or `1.234 s`. */
function timeText(ns: number): string {
  const ms = Math.round(ns / NSEC_PER_MSEC)
  if (ns < NSEC_PER_MSEC) return 'less than 1 ms'
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
}

/** Making one takes longer than it formats a thousand numbers. */
const NUMBERS = new Intl.NumberFormat('en')

/** Returns `200,000`. */
const grouped = (n: number): string => NUMBERS.format(n)
