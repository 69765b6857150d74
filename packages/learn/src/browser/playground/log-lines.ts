/** LogLines: the lines of a driver's log that the visitor gets, a few in each second. */
import { type Clock, NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { LOGLEVEL_WARNING } from 'vnet/internal/base/log'

const LINES_MAX = 20

export class LogLines {
  clock: Pick<Clock, 'now'> = { now: () => 0 }
  /** No more lines follow. */
  isClosed = false
  readonly #isOwn: boolean
  readonly #tell: (line: string) => void
  #second = 0
  #lines = 0

  /** `isOwn`: the driver is the visitor's: all lines; otherwise warnings and errors. */
  constructor(isOwn: boolean, tell: (line: string) => void) {
    this.#isOwn = isOwn
    this.#tell = tell
  }

  add(line: string, level: number): void {
    if (this.isClosed || (!this.#isOwn && level > LOGLEVEL_WARNING)) return
    const second = Math.floor(this.clock.now() / NSEC_PER_SEC)
    if (second !== this.#second) this.#lines = 0
    this.#second = second
    this.#lines++
    if (this.#lines <= LINES_MAX) this.#tell(line)
    else if (this.#lines === LINES_MAX + 1) this.#tell('... (more lines in this second)')
  }
}
