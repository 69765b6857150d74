/** The driver in motion: what a device is made of, and the frames on their way through it. */
import type { App, View } from './app.ts'
import { h } from './dom.ts'

export function driverView(_app: App): View {
  return {
    name: 'driver',
    title: 'Driver',
    wants: ['parts', 'wire'],
    element: h('div', { class: 'driver' }),
    receive() {},
    deviceChanged() {},
  }
}
