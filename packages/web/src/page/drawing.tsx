/** Parts that the drawings of drivers, labs and scenarios share. */
import { clip } from './driver-text.ts'

/** The attributes of a drawing, or of a part of one, for readers of the screen. */
export const drawn = (role: 'img' | 'group', label: string) => ({ role, 'aria-label': label })

interface LabelProps {
  readonly class?: string
  readonly x: number
  /** The base line. */
  readonly y: number
  readonly text: string
  /** Longer text is shortened. */
  readonly width?: number
  readonly anchor?: 'start' | 'middle' | 'end'
}

export const Label = ({ text, width = Number.POSITIVE_INFINITY, anchor, ...place }: LabelProps) => (
  <text {...place} text-anchor={anchor}>
    {clip(text, width)}
  </text>
)
