/** Hands on: the changeable properties of the selected device, each with its command line. */
import type { DeviceId, FeedMessage } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { Control, NO_TOKEN } from './controls-change.ts'
import { ControlsFaults } from './controls-faults.ts'
import { ControlsLog } from './controls-log.ts'
import { ControlsParams } from './controls-params.ts'
import { h, setText } from './dom.ts'
import { ScenarioTimeline } from './scenario.ts'
import { WireForm } from './wire-form.ts'

export function controlsView(app: App): View {
  const log = new ControlsLog()
  const params = new ControlsParams(app, log)
  const faults = new ControlsFaults(app, log)
  const wire = new WireForm(app, log)
  const scenario = new ScenarioTimeline()
  const cableState = h('span', { class: 'state' })
  const carrierState = h('span', { class: 'state' })
  const cable = new Control({
    app,
    log,
    button: 'Cut',
    before: [h('span', { class: 'what' }, 'Cable'), cableState],
    change: () => ({ do: app.device?.isCut ? 'plug' : 'cut' }),
  })
  const carrier = new Control({
    app,
    log,
    button: 'Turn off',
    before: [h('span', { class: 'what' }, 'Carrier'), carrierState],
    change: () => ({ do: 'carrier', on: app.device?.carrier === false }),
  })
  const reset = new Control({
    app,
    log,
    button: 'Reset',
    before: [h('span', { class: 'what' }, 'Statistics')],
    change: () => ({ do: 'reset' }),
  })
  const controls = [cable, carrier, reset]
  const noToken = h('p', { class: 'warn', hidden: true }, NO_TOKEN)
  const link = h('section', { class: 'panel' }, h('h2', {}, 'Link'), ...controls.map(({ element }) => element))
  // In one column, the changeable properties come first.
  const left = h('div', { class: 'stack' }, link, wire.element)
  const others = [scenario, faults, params, log].map(({ element }) => element)
  const right = h('div', { class: 'stack' }, ...others, params.fixedElement)
  const all = h('div', { class: 'columns' }, left, right)
  const nothing = h('p', { class: 'muted', hidden: true }, 'There is no interface to change.')
  const element = h('div', { class: 'stack controls' }, noToken, nothing, all)
  let shown: DeviceId | undefined

  function deviceChanged(): void {
    const { device } = app
    noToken.hidden = app.mayChange
    nothing.hidden = device !== undefined
    all.hidden = device === undefined
    if (device?.id !== shown) {
      shown = device?.id
      for (const control of controls) control.clear()
      for (const part of [params, faults, wire]) part.forget()
      scenario.take(undefined)
    }
    if (device === undefined) return
    setText(cableState, device.isCut ? 'cut' : 'plugged in')
    cableState.className = `state ${device.isCut ? 'drop' : 'ok'}`
    cable.button = device.isCut ? 'Plug in' : 'Cut'
    setText(carrierState, device.carrier ? 'on' : 'off')
    carrierState.className = `state ${device.carrier ? 'ok' : 'drop'}`
    carrier.button = device.carrier ? 'Turn off' : 'Turn on'
    for (const part of [...controls, params, faults, wire]) part.update()
  }

  function receive(message: FeedMessage): void {
    if (message.type === 'stats') scenario.setTime(message.time)
    if (!('id' in message) || message.id !== app.device?.id) return
    if (message.type === 'params') params.take(message.params)
    else if (message.type === 'wire') wire.take(message.wire)
    else if (message.type === 'scenario') scenario.take(message.scenario)
    else if (message.type === 'event') {
      const { event, direction, text } = message.event
      if (event === 'wire' && direction !== undefined) wire.takeText(direction, text ?? '')
    }
  }

  const shownNow = () => scenario.shown()
  const hidden = () => scenario.hidden()
  const wants = ['params', 'wire', 'scenario'] as const
  return { name: 'controls', title: 'Hands on', wants, element, receive, deviceChanged, shown: shownNow, hidden }
}
