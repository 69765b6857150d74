/** The picture of a segment: a trunk at the left, rails, and the boxes that hang on them. */
import { useMemo } from 'preact/hooks'
import type { DeviceRow } from '../feed-types.ts'
import { groupsOf, type SegmentPicture } from './lan-picture.ts'

/** Hosts that are drawn. */
const HOSTS_MAX = 12

interface PictureProps {
  readonly segment: SegmentPicture
  /** The port that is looked at. */
  readonly own: DeviceRow
  readonly allHosts: number | undefined
}

export function Picture({ segment, own, allHosts }: PictureProps) {
  const groups = useMemo(() => groupsOf(segment, HOSTS_MAX, allHosts), [segment, allHosts])
  return (
    <div class="segment">
      {groups.map(({ title, boxes }, i) => (
        <section key={i}>
          <h3>{title}</h3>
          <ul>
            {boxes.map(({ kind, lines }, j) => (
              <li
                key={j}
                class={kind === 'port' && lines[0] === own.name ? 'mono port own' : `mono ${kind}`}
                title={kind === 'more' ? undefined : `${kind} ${lines.join('\n')}`}
              >
                {lines.map((line, k) => (
                  <span key={k}>{line}</span>
                ))}
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  )
}
