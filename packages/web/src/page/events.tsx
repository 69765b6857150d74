/** What happened to interfaces: cut cables, new wire specs, timeouts, faults. */
import type { DeviceId, Message, PageCommand } from '../feed-types.ts'
import { clockText, directionName, type Tone } from './driver-text.ts'

/** An event as the page lists it. */
export interface PageEvent {
  readonly id: DeviceId
  /** Milliseconds since 1970. */
  readonly time: number
  readonly text: string
  readonly tone: Tone
}

const TEXTS: Readonly<
  Partial<Record<Message<'event'>['event']['event'], readonly [text: string, tone: Tone]>>
> = {
  registered: ['registered', 'plain'],
  unregistered: ['unregistered', 'warn'],
  up: ['up', 'ok'],
  down: ['down', 'warn'],
  'carrier-on': ['carrier on', 'ok'],
  'carrier-off': ['carrier off', 'drop'],
  cut: ['cable cut', 'drop'],
  plugged: ['cable plugged in', 'ok'],
}

/** Returns the event of a message; undefined for events that other views show. */
export function eventOf({ id, time, event }: Message<'event'>): PageEvent | undefined {
  if (event.event === 'timeout') {
    return { id, time, text: `transmit timeout of queue ${event.queue ?? 0}`, tone: 'drop' }
  }
  if (event.event === 'wire') {
    const { direction = 'ab', attached: isAttached, text } = event
    return {
      id,
      time,
      text: `wire ${directionName({ isAttached }, direction)}: ${text || 'off'}`,
      tone: 'warn',
    }
  }
  const [text, tone] = TEXTS[event.event] ?? []
  return text === undefined || tone === undefined ? undefined : { id, time, text, tone }
}

/** Returns what a command of this page did; undefined if the server reports it as an event. */
export function changeText(command: PageCommand): string | undefined {
  if (command.do === 'param') return `${command.name} set to ${command.value}`
  if (command.do === 'trigger') return `fault ${command.fault} triggered`
  return command.do === 'reset' ? 'statistics reset' : undefined
}

/** The newest of the events of a device, which are oldest first; the last one is shown first. */
export function Events({
  events,
  most,
}: {
  readonly events: readonly PageEvent[]
  readonly most: number
}) {
  if (events.length === 0) return null
  return (
    <section class="panel plot-wide events">
      <h2>Events</h2>
      <ol class="stack tight" aria-label="Events">
        {events
          .slice(-most)
          .toReversed()
          .map(({ time, text, tone }, i) => (
            <li key={events.length - i}>
              <span class="muted number">{clockText(time / 1000)}</span>{' '}
              <span class={tone}>{text}</span>
            </li>
          ))}
      </ol>
    </section>
  )
}
