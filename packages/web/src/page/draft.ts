/** Input typed or chosen in a view, which is kept while other views are shown. */
import { effect, type Signal, signal } from '@preact/signals'
import type { App } from './app.ts'

/** Returns a signal that has its first value again when another device is selected. */
export function draftOf<T>(app: App, first: T): Signal<T> {
  const draft = signal(first)
  let id = ''
  effect(() => {
    const { device } = app
    if (device === undefined || device.id === id) return
    id = device.id
    draft.value = first
  })
  return draft
}
