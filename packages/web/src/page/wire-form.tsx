/** The text of the wire: the present one, a field for another, and the presets. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { CommandResult } from '../feed-types.ts'
import { type App, askAfterTyping } from './app.ts'
import { type Change, Control, type Direction, type Hands } from './control.tsx'
import { directionName } from './driver-text.ts'

export function WireForm({ hands }: { readonly hands: Hands }) {
  const message = hands.app.last('wire')
  return (
    <section class="panel">
      <h2>Wire</h2>
      {message?.wire === undefined ? (
        <p class="muted">
          {message ? 'This interface has no wire.' : 'Waiting for the text of the wire.'}
        </p>
      ) : (
        <Form hands={hands} now={message.wire.text} />
      )}
    </section>
  )
}

type Texts = Readonly<Record<Direction, string>>

function Form({ hands, now }: { readonly hands: Hands; readonly now: Texts }) {
  const { app, wire } = hands
  const { device } = app
  const { text, direction } = wire.value
  const result = useSignal<CommandResult | undefined>(undefined)
  const field = useRef<HTMLInputElement>(null)
  const spec = text.trim()
  const to = direction === '' ? {} : { direction }
  useCheck(app, spec, direction, result)
  /** Puts a text into the field, for one direction. */
  const edit = (nextText: string, nextDirection: Direction) => {
    wire.value = { text: nextText, direction: nextDirection }
    result.value = undefined
    field.current?.focus()
  }
  const change: Change = { do: 'wire', text: spec === 'off' ? undefined : spec, ...to }
  return (
    <div class="wire-form stack close">
      <TextNow {...{ app, now, edit }} />
      <Control hands={hands} button="Set" change={spec === '' ? undefined : change} shown={result}>
        <select
          id="wire-direction"
          aria-label="Direction"
          value={direction}
          onInput={({ currentTarget }) => {
            wire.value = { text, direction: currentTarget.value as Direction | '' }
          }}
        >
          <option value="">both</option>
          <option value="ab">{directionName(device, 'ab')}</option>
          <option value="ba">{directionName(device, 'ba')}</option>
        </select>
        <input
          id="wire-text"
          class="mono wire-text"
          ref={field}
          list="wire-presets"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          placeholder="delay 20ms loss 1%"
          aria-label="Text of the wire"
          aria-invalid={result.value?.ok === false}
          value={text}
          onInput={({ currentTarget }) => {
            wire.value = { direction, text: currentTarget.value }
          }}
        />
        <Presets app={app} />
      </Control>
      <Control hands={hands} button="Off" change={{ do: 'wire', text: undefined, ...to }}>
        <span class="muted">Take all stages out</span>
      </Control>
      <p class="muted">
        {device?.isAttached
          ? 'in has the frames that the interface receives, out the frames that it transmits.'
          : 'ab leads from the first interface to the second, in a lan from the interface to the segment; ba back.'}
      </p>
    </div>
  )
}

function useCheck(
  app: App,
  spec: string,
  direction: Direction | '',
  result: Signal<CommandResult | undefined>,
): void {
  useEffect(() => {
    if (spec === '' || spec === 'off' || !app.mayChange) return
    return askAfterTyping(app, { do: 'check-wire', text: spec }, checked => {
      // A result of Set that came first is about the same text.
      if (!checked.ok) {
        result.value ??= checked
      }
    })
  }, [spec, direction])
}

type TextNowProps = Readonly<{
  app: App
  now: Texts
  edit: (text: string, direction: Direction) => void
}>

function TextNow({ app: { device, mayChange }, now, edit }: TextNowProps) {
  return (
    <fieldset disabled={!mayChange}>
      <table class="text-now">
        {(['ab', 'ba'] as const).map(each => (
          <tr key={each}>
            <th scope="row">{directionName(device, each)}</th>
            <td>
              <code>{now[each] || 'off'}</code>
            </td>
            <td class="fit">
              <button
                type="button"
                aria-label={`Edit the text of ${directionName(device, each)}`}
                onClick={() => edit(now[each], each)}
              >
                Edit
              </button>
            </td>
          </tr>
        ))}
      </table>
    </fieldset>
  )
}

/** The options of the field while one types. */
function Presets({ app: { device, presets } }: { readonly app: App }) {
  const [ab, ba] = [directionName(device, 'ab'), directionName(device, 'ba')]
  return (
    <datalist id="wire-presets">
      {presets.map(({ name, up, down }) => {
        // Frames that an attached interface receives are a download.
        const [there, back] = device?.isAttached ? [down, up] : [up, down]
        return (
          <option key={name} value={`preset ${name}`} label={`${ab} ${there}; ${ba} ${back}`} />
        )
      })}
    </datalist>
  )
}
