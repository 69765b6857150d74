/** The line that shows how far a replay is. */

export interface ReplayProgress {
  /** Bytes of the capture that were read, and its size if that is known. */
  readonly read: number
  readonly size: number | undefined
  readonly frames: number
  /** The most frames that are played. */
  readonly limit: number
  readonly seconds: number
}

const BAR = 20
const MB = 1e6
const GB = 1e9

/**
 * Returns ` 45% [=========>          ] 4.5/10.0 GB, 1234567 frames, 251000/s, 0:12 left`; without
 * the bar and the time if the length is unknown.
 */
export function progressLine({ read, size, frames, limit, seconds }: ReplayProgress): string {
  const unit = (size ?? read) < GB ? 'MB' : 'GB'
  const units = (bytes: number) => (bytes / (unit === 'MB' ? MB : GB)).toFixed(1)
  const bytes = `${units(read)}${size === undefined ? '' : `/${units(size)}`} ${unit}`
  const rate = `${bytes}, ${frames} frames, ${seconds > 0 ? Math.round(frames / seconds) : 0}/s`
  if (size === undefined && limit === Number.POSITIVE_INFINITY) return rate
  const part = Math.min(1, Math.max(size ? read / size : 0, frames / limit))
  const full = Math.floor(part * BAR)
  const bar = `${'='.repeat(full)}${full < BAR ? '>' : ''}`.padEnd(BAR)
  const left = part > 0 ? `, ${duration((seconds * (1 - part)) / part)} left` : ''
  return `${String(Math.floor(part * 100)).padStart(3)}% [${bar}] ${rate}${left}`
}

/** Returns `1:05` or `2:01:05`. */
function duration(seconds: number): string {
  const s = Math.ceil(seconds)
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}
