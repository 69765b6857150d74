/** Counts of a replay, and the lines that report them. */

/** Frames that were not sent, by reason. */
export class Reasons {
  readonly #counts = new Map<string, number>()
  total = 0

  add(reason: string, frames = 1): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + frames)
    this.total += frames
  }

  get text(): string {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a)
    return sorted.map(([reason, frames]) => `${frames} ${reason}`).join(', ')
  }

  /** Returns `failed 3: 2 longer than the MTU of 1500, 1 EIO`, the most frequent reason first. */
  line(what: string): string {
    return `${what} ${this.total}: ${this.text}`
  }
}

/** The fates of the packets of the capture. */
export class ReplayCounts {
  sent = 0
  /** Bytes of the frames that were sent. */
  bytes = 0
  readonly failed = new Reasons()
  readonly skipped = new Reasons()
  /** TCP frames longer than the MTU, and the segments that were made of them. */
  cut = 0
  segments = 0

  json(seconds: number): object {
    const { sent, bytes, failed, skipped, cut, segments } = this
    return {
      event: 'replay',
      sent,
      bytes,
      seconds,
      cut,
      segments,
      failed: failed.total,
      skipped: skipped.total,
    }
  }

  /** Returns the lines of the summary, after `seconds`. */
  summary(seconds: number): string[] {
    const { sent, bytes, failed, skipped, cut, segments } = this
    const per = (n: number) => (seconds > 0 ? n / seconds : 0)
    const rates = `${Math.round(per(sent))} frames/s, ${(per(8 * bytes) / 1e6).toFixed(2)} Mbit/s`
    return [
      `sent ${sent} frames, ${bytes} bytes in ${seconds.toFixed(2)} s: ${rates}`,
      ...(cut > 0 ? [`cut ${cut} TCP frames longer than the MTU into ${segments} segments`] : []),
      ...(failed.total > 0 ? [failed.line('failed')] : []),
      ...(skipped.total > 0 ? [skipped.line('skipped')] : []),
    ]
  }
}
