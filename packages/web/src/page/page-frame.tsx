/** The frame around the view: the header, notices, the list of interfaces, and the bar of views. */
import type { Signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { App, View } from './app.ts'
import { DeviceList } from './devices.tsx'
import { clockText, stateOf, type Tone } from './driver-text.ts'
import type { FeedState } from './feed.ts'

const WORDS: Readonly<Record<FeedState, readonly [text: string, tone: Tone]>> = {
  connecting: ['connecting', 'warn'],
  live: ['live', 'ok'],
  lost: ['not connected', 'drop'],
  refused: ['refused', 'drop'],
  foreign: ['not trusted', 'drop'],
}

/** The keys of every view; Frames and Traffic list keys of their own. */
const KEYS = [
  ['?', 'these keys'],
  ['/', 'search interfaces'],
  ['1 to 8', 'the views'],
  ['p', 'pause, in Traffic and Frames'],
  ['s n', 'halt frames, and run a step, in Step'],
] as const

/** A text that the user closes, and when it appeared. */
export type Notice = Readonly<{ text: string; time: number }>

/** The contents of the frame. It opens and closes lists, and closes notices. */
export interface Shown {
  readonly state: App
  readonly view: Signal<View>
  readonly connection: Signal<FeedState>
  /** The sentence about a failure remains until messages arrive again. */
  readonly trouble: Signal<string | undefined>
  readonly notices: Signal<readonly Notice[]>
  readonly isListOpen: Signal<boolean>
  readonly isHelpOpen: Signal<boolean>
  /** Returns the link to a view, with the device that is shown. */
  hashOf(view: string): string
}

/** The whole page. The current view is in it. */
export function Frame({ shown }: { readonly shown: Shown }) {
  const { state, trouble, isListOpen, hashOf } = shown
  const view = shown.view.value
  const place = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => place.current?.scrollTo(0, 0), [view])
  return (
    <div class={trouble.value === undefined ? 'page' : 'page stale'}>
      <button type="button" class="skip" onClick={() => document.getElementById('view')?.focus()}>
        Skip to the view
      </button>
      {header(shown)}
      {notices(shown)}
      <DeviceList app={state} view={view} isOpen={isListOpen.value} />
      <main>
        <div class="about">
          {about(shown)}
          <nav class="views" aria-label="Views">
            {state.views.map((each, i) => (
              <a
                key={each.name}
                href={hashOf(each.name)}
                title={`Key ${i + 1}`}
                aria-keyshortcuts={`${i + 1}`}
                aria-current={each === view ? 'page' : undefined}
                hidden={each !== view && each.isOffered?.() === false}
              >
                {each.title}
              </a>
            ))}
          </nav>
        </div>
        <div class="view" id="view" tabIndex={-1} ref={place}>
          <view.Body key={view.name} />
        </div>
      </main>
    </div>
  )
}

function header({ state, connection, isListOpen, isHelpOpen }: Shown) {
  const [text, tone] = WORDS[connection.value]
  const isOpen = isListOpen.value
  return (
    <header>
      <button
        type="button"
        class="open-devices"
        aria-expanded={isOpen}
        onClick={() => {
          isListOpen.value = !isOpen
        }}
      >
        Interfaces
      </button>
      <img src="mark.svg" alt="" /> <strong class="mono">vnet</strong>
      <span class="muted">{versionOf(state)}</span>
      <button
        type="button"
        class="help"
        aria-label="Keys"
        aria-keyshortcuts="?"
        aria-expanded={isHelpOpen.value}
        onClick={() => {
          isHelpOpen.value = !isHelpOpen.value
        }}
      >
        ?
      </button>
      <span class="connection row" role="status" data-state={connection.value}>
        <span class={`lamp ${tone}`} /> {text}
      </span>
    </header>
  )
}

function notices({ state, view, trouble, notices: all, isHelpOpen, hashOf }: Shown) {
  const isHalted = state.last('step')?.mode === 'on' && view.value.name !== 'step'
  return (
    <section class="notices" aria-label="Notices">
      <p class="notice" role="status" hidden={trouble.value === undefined}>
        {trouble.value}
      </p>
      <p class="notice" role="status" hidden={!isHalted}>
        The frames of this vnet halt before each step. <a href={hashOf('step')}>See where</a>
      </p>
      {isHelpOpen.value && (
        <dl class="notice keys-help" aria-label="Keys">
          {KEYS.map(([key, meaning]) => (
            <div key={key} class="row">
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      )}
      <div aria-live="polite">{all.value.map(notice => noticeLine(notice, all))}</div>
    </section>
  )
}

function noticeLine(notice: Notice, all: Shown['notices']) {
  const close = () => {
    all.value = all.value.filter(other => other !== notice)
  }
  return (
    <div class="notice" key={notice.text}>
      <span class="muted number">{clockText(notice.time / 1000)}</span>
      <p>{notice.text}</p>
      <button type="button" aria-label="Close" onClick={close}>
        ×
      </button>
    </div>
  )
}

function versionOf(state: App): string {
  const { version = '', mayChange = true } = state.hello ?? {}
  return mayChange ? version : `${version}, read-only: open the address that vnet printed`
}

function about({ state, view }: Shown) {
  const { device } = state
  const { isGeneral, title } = view.value
  if (isGeneral && state.vnets.length > 0) {
    return <h1>{title === 'All' ? 'All interfaces' : title}</h1>
  }
  if (device !== undefined) {
    const pid = state.vnets.find(({ devices }) => devices.includes(device))?.pid
    const { addresses = [] } = device
    const parts = [
      ...addresses,
      `${device.driver}, pid ${pid}`,
      device.mac,
      `mtu ${device.mtu}`,
      stateOf(device).text,
    ]
    return (
      <>
        <h1>{device.label}</h1>
        <span class="muted">{parts.join(', ')}</span>
      </>
    )
  }
  if (state.hello === undefined) return <h1>vnet</h1>
  const wanted = state.wanted
  const hint =
    wanted === '' ? '“vnet snull” in a terminal makes two.' : 'It is shown again when it is back.'
  const missing = wanted === '' ? 'No interface' : `${wanted.replace(/^.*\//, '')} is gone`
  return (
    <>
      <h1>{missing}</h1>
      <span class="muted">{hint}</span>
    </>
  )
}
