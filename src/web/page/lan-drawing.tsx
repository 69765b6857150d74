/** Draws the picture of a segment. */
import { useMemo } from 'preact/hooks'
import type { DeviceRow } from '../feed-types.ts'
import { clip } from './driver-text.ts'
import { useWidth } from './hooks.ts'
import { columnsIn, groupsOf, LINE, layout, PADDING, type PlacedBox, type SegmentPicture, STUB } from './lan-picture.ts'

/** Hosts that are drawn: these rows, but not fewer than this. */
const HOST_ROWS = 2
const LEAST_HOSTS = 6

interface PictureProps {
  readonly segment: SegmentPicture
  /** The port that is looked at. */
  readonly own: DeviceRow
  readonly allHosts: number | undefined
}

export function Picture({ segment, own, allHosts }: PictureProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  return (
    <div class="segment-box" ref={ref}>
      {useMemo(() => width > 0 && drawn({ segment, own, allHosts }, width), [segment, own, allHosts, width])}
    </div>
  )
}

function drawn({ segment, own, allHosts }: PictureProps, whole: number) {
  const groups = groupsOf(segment, Math.max(LEAST_HOSTS, HOST_ROWS * columnsIn(whole)), allHosts)
  const { height, boxes, rails, titles, trunk } = layout(groups, whole - 2)
  return (
    <svg class="segment" role="img" aria-label="Ports and hosts of the segment" width={whole} height={height}>
      <line class="rail" x1={trunk.x} x2={trunk.x} y1={trunk.y} y2={trunk.end} />
      {rails.map(({ x, end, y }) => (
        <line key={y} class="rail" x1={x} x2={end} y1={y} y2={y} />
      ))}
      {titles.map(({ text, x, y }) => (
        <text key={y} class="title" x={x} y={y}>
          {text}
        </text>
      ))}
      {boxes.map(box => (
        <Station key={`${box.x} ${box.y}`} box={box} isOwn={box.kind === 'port' && box.lines[0] === own.name} />
      ))}
    </svg>
  )
}

function Station({ box, isOwn }: { readonly box: PlacedBox; readonly isOwn: boolean }) {
  const { kind, lines, x, y, width, height } = box
  const middle = x + width / 2
  return (
    <g class={`station ${kind}${isOwn ? ' own' : ''}`}>
      <title>{`${kind === 'more' ? '' : `${kind} `}${lines.join('\n')}`}</title>
      <line class="rail" x1={middle} x2={middle} y1={y - STUB} y2={y} />
      <rect x={x} y={y} width={width} height={height} rx={4} />
      {lines.map((line, i) => (
        <text key={i} class={i === 0 ? 'name' : 'address'} x={x + PADDING} y={y + PADDING + (i + 1) * LINE - 5}>
          {clip(line, width - 2 * PADDING)}
        </text>
      ))}
    </g>
  )
}
