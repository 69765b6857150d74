/**
 * The dots that move along an arrow. They are elements over the drawing, moved by `transform`: a
 * browser moves those without painting anything again, which it does not do inside of SVG.
 */
import { h } from './dom.ts'
import type { Arrow } from './driver-layout.ts'
import { DOT_SPEED, dotsFor } from './driver-text.ts'

/** The free ends of an arrow, for its head and for the edge of a box. */
const HEAD = 9
const TAIL = 2

export interface Dots {
  readonly element: HTMLElement
  /** Frames per second. */
  update(rate: number): void
}

export function drawDots({ lane, x1, y1, x2, y2 }: Arrow, isVertical: boolean): Dots {
  const stream = h('div', { class: 'stream' })
  const isBack = x2 < x1 || y2 < y1
  const class_ = `dots ${lane} ${isVertical ? 'down' : 'right'}${isBack ? ' back' : ''}`
  const element = h('div', { class: class_, attrs: { 'aria-hidden': 'true' } }, stream)
  const { style } = element
  const start = (isVertical ? Math.min(y1, y2) : Math.min(x1, x2)) + (isBack ? HEAD : TAIL)
  style.setProperty('--start', `${start}px`)
  style.setProperty('--middle', `${isVertical ? x1 : y1}px`)
  style.setProperty('--length', `${Math.abs(x2 - x1 + y2 - y1) - HEAD - TAIL}px`)
  return {
    element,
    update(rate) {
      const moving = dotsFor(rate)
      element.hidden = moving === undefined
      if (moving === undefined) return
      const period = moving.period.toFixed(1)
      if (style.getPropertyValue('--period') === `${period}px`) return
      style.setProperty('--period', `${period}px`)
      style.setProperty('--size', `${moving.size}px`)
      style.setProperty('--time', `${(moving.period / DOT_SPEED).toFixed(3)}s`)
    },
  }
}
