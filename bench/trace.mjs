/** The work of a page's main thread in each frame of the screen, from a trace of chromium. */

/** The name of the mark (`performance.mark`) that the page sets in each animation frame. */
export const MARK = 'vnet-frame'
export const TRACED = ['devtools.timeline', 'blink.user_timing']
/** The events of the trace in which scripts run. */
const SCRIPTS =
  /^(FunctionCall|EvaluateScript|RunMicrotasks|FireAnimationFrame|TimerFire|EventDispatch|V8\.GC.*|MinorGC|MajorGC)$/

/**
 * Returns frames a second, the longest time between two frames, and the time of scripts in a frame
 * that 95 % of the frames do not exceed. Times are in milliseconds.
 */
export function frameTimes(events) {
  const marks = events.filter(({ name }) => name === MARK).sort((a, b) => a.ts - b.ts)
  if (marks.length < 2) throw new Error('the page has drawn no frames')
  const gaps = marks.slice(1).map(({ ts }, i) => ts - marks[i].ts)
  const [{ pid, tid }] = marks
  const scripts = events
    .filter(
      each => each.pid === pid && each.tid === tid && each.ph === 'X' && SCRIPTS.test(each.name),
    )
    .sort((a, b) => a.ts - b.ts)
  const times = gaps.map(() => 0)
  let frame = 0
  let end = marks[0].ts
  for (const { ts, dur } of scripts) {
    while (frame < gaps.length && marks[frame + 1].ts <= ts) {
      frame++
    }
    if (frame === gaps.length) break
    // Events are nested.
    if (ts + dur > end) {
      times[frame] += ts + dur - Math.max(ts, end)
    }
    end = Math.max(end, ts + dur)
  }
  times.sort((a, b) => a - b)
  const seconds = (marks.at(-1).ts - marks[0].ts) / 1e6
  return {
    fps: gaps.length / seconds,
    longest: Math.max(...gaps) / 1000,
    script: times[Math.floor(0.95 * times.length)] / 1000,
  }
}
