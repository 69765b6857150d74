/**
 * Mark: the attachment that works on a frame, in a page of a file that survives the daemon, also a
 * daemon that is killed. An attachment is suspect if a frame of it was in work when the daemon
 * was killed, also because it hung. If that happens twice in a row, it is not to be restored.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import type { Alarm, Clock } from '../base/index.ts'
import { ENOSPC, messageOrDescription, NSEC_PER_SEC, printable, VnetError } from '../base/index.ts'
import type { Native } from '../linux/native.ts'
import type { Net } from '../netdev/net.ts'

/** Nanoseconds after which a daemon that still runs suspects no attachment. */
const GOOD_RUN = 600 * NSEC_PER_SEC
const PAGE = 4096
/** The words of the page. */
const IN_WORK = 0
const SUSPECT = 1

export class Mark implements Disposable {
  /** The first word is for attachments, which have positive numbers. */
  readonly words: Int32Array
  /** The attachment that worked on a frame at each of the last two ends; 0 without one. */
  readonly culprit: number
  readonly #alarm: Alarm

  /** Continues the page of the last daemon. */
  constructor(words: Int32Array, clock: Clock) {
    this.words = words
    const suspect = words[IN_WORK] as number
    this.culprit = suspect === words[SUSPECT] ? suspect : 0
    words[SUSPECT] = suspect
    words[IN_WORK] = 0
    this.#alarm = clock.alarm(() => {
      words[SUSPECT] = 0
    })
    this.#alarm.at(clock.now() + GOOD_RUN)
  }

  /** An orderly end: the next daemon suspects no attachment. */
  [Symbol.dispose](): void {
    this.#alarm.cancel()
    this.words.fill(0, IN_WORK, SUSPECT + 1)
  }
}

/**
 * Opens the file of a mark, or makes it. If that is impossible, logs a line and returns a mark
 * without a file: no attachment is then a culprit.
 */
export function openMark(
  native: Native,
  file: string,
  { clock, log }: Pick<Net, 'clock' | 'log'>,
): Mark {
  try {
    return new Mark(wordsOf(native, file), clock)
  } catch (error) {
    log.warn(printable(`${file}: it is not used: ${messageOrDescription(error)}`))
    return new Mark(new Int32Array(SUSPECT + 1), clock)
  }
}

function wordsOf(native: Native, file: string): Int32Array {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  const fd = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  try {
    const stat = fstatSync(fd)
    const isOwn = stat.isFile() && stat.uid === process.geteuid?.()
    if (!isOwn || (stat.size !== 0 && stat.size !== PAGE)) {
      throw new Error('it is not a mark of vnet node')
    }
    // A page without a block would end the process by SIGBUS on a full disk.
    if (stat.size === 0 && writeSync(fd, new Uint8Array(PAGE)) < PAGE) {
      throw new VnetError(ENOSPC, 'write')
    }
    const page = native.mapPage(fd)
    if (typeof page === 'number') throw new VnetError(page, 'mmap')
    return new Int32Array(page)
  } finally {
    closeSync(fd)
  }
}
