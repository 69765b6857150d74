/** performance.mark and performance.measure in the time of a world in memory. */
import type { MarkOptions, MeasureOptions, PerformanceMark, PerformanceMeasure } from 'node:perf_hooks'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { thread } from './real.ts'

type Mark = (name: string, options?: MarkOptions) => PerformanceMark
type Measure = (name: string, from?: string | MeasureOptions, to?: string) => PerformanceMeasure

const realMark = performance.mark.bind(performance) as Mark
const realMeasure = performance.measure.bind(performance) as Measure

export function mark(name: string, options?: MarkOptions): PerformanceMark {
  const { timeline } = thread
  if (timeline === undefined) return realMark(name, options)
  return realMark(name, { ...options, startTime: options?.startTime ?? timeline.now / NSEC_PER_MSEC })
}

/** Without an end, Node takes the real moment. */
export function measure(name: string, from?: string | MeasureOptions, to?: string): PerformanceMeasure {
  const { timeline } = thread
  if (timeline === undefined || to !== undefined) return realMeasure(name, from, to)
  const options: MeasureOptions = typeof from === 'object' ? from : from === undefined ? {} : { start: from }
  const { start, end, duration } = options
  const hasEnd = end !== undefined || (start !== undefined && duration !== undefined)
  return realMeasure(name, hasEnd ? options : { ...options, end: timeline.now / NSEC_PER_MSEC })
}
