/** Hands on: the changeable properties of the selected device, each with its command line. */
import { signal } from '@preact/signals'
import { optionName } from 'vnet/kit/base'
import type { DeviceRow, DriverParam } from '../feed-types.ts'
import { type App, draftOf, type View } from './app.ts'
import { Changes } from './changes.tsx'
import { Control, type Hands, NO_TOKEN } from './control.tsx'
import { ScenarioSteps } from './scenario.tsx'
import { WireForm } from './wire-form.tsx'

/**
 * The view of the changeable properties. The texts in its fields remain while other views are
 * shown.
 */
export function controlsView(app: App): View {
  const hands: Hands = {
    app,
    log: signal([]),
    wire: draftOf<Hands['wire']['value']>(app, { text: '', direction: '' }),
    queue: draftOf(app, ''),
    params: draftOf<ReadonlyMap<string, string>>(app, new Map()),
  }
  const Body = () => (
    <div class="stack controls">
      {!app.mayChange && <p class="warn">{NO_TOKEN}</p>}
      {app.device === undefined ? (
        <p class="muted">There is no interface to change.</p>
      ) : (
        <Controls key={app.device.id} hands={hands} device={app.device} />
      )}
    </div>
  )
  return { name: 'hands-on', title: 'Hands on', wants: ['params', 'wire', 'scenario'], Body }
}

/** In one column, the changeable properties come first. */
function Controls({ hands, device }: { readonly hands: Hands; readonly device: DeviceRow }) {
  const { app } = hands
  const params = app.last('params')?.params
  const scenario = app.last('scenario')?.scenario
  return (
    <div class="columns">
      <div class="stack">
        <Link hands={hands} device={device} />
        <WireForm hands={hands} />
        <Changes log={hands.log} />
      </div>
      <div class="stack">
        {scenario !== undefined && <ScenarioSteps scenario={scenario} time={app.time} />}
        <Faults hands={hands} device={device} />
        <Params hands={hands} params={params} />
      </div>
    </div>
  )
}

function Link({ hands, device }: { readonly hands: Hands; readonly device: DeviceRow }) {
  const { isCut, carrier } = device
  return (
    <section class="panel">
      <h2>Link</h2>
      <Control
        hands={hands}
        button={isCut ? 'Plug in' : 'Cut'}
        change={{ do: isCut ? 'plug' : 'cut' }}
      >
        <span class="what">Cable</span>
        <span class={isCut ? 'drop' : 'ok'}>{isCut ? 'cut' : 'plugged in'}</span>
      </Control>
      <Control
        hands={hands}
        button={carrier ? 'Turn off' : 'Turn on'}
        change={{ do: 'carrier', on: !carrier }}
      >
        <span class="what">Carrier</span>
        <span class={carrier ? 'ok' : 'drop'}>{carrier ? 'on' : 'off'}</span>
      </Control>
      <Control hands={hands} button="Reset" change={{ do: 'reset' }}>
        <span class="what">Statistics</span>
        <span class="muted">The counts of the wire continue.</span>
      </Control>
    </section>
  )
}

/** The faults that the driver can cause now, a button each. */
function Faults({ hands, device }: { readonly hands: Hands; readonly device: DeviceRow }) {
  const { faults, faultTexts, txQueues } = device
  const queue = hands.queue.value
  const none = `The driver ${faults === undefined ? 'does not list its faults' : 'has none to trigger'}.`
  return (
    <section class="panel">
      <h2>Faults</h2>
      {(faults ?? []).length === 0 && <p class="muted">{none}</p>}
      {txQueues > 1 && (faults ?? []).length > 0 && (
        <label class="row">
          Queue
          <select
            value={queue}
            disabled={!hands.app.mayChange}
            onInput={({ currentTarget }) => {
              hands.queue.value = currentTarget.value
            }}
          >
            <option value="">any</option>
            {Array.from({ length: txQueues }, (_, i) => (
              <option key={i} value={`${i}`}>
                {i}
              </option>
            ))}
          </select>
        </label>
      )}
      {faults?.map((fault, i) => (
        <Control
          key={fault}
          hands={hands}
          button="Trigger"
          change={{ do: 'trigger', fault, ...(queue !== '' && { queue: Number(queue) }) }}
        >
          <span class="mono what">{fault}</span>
          {faultTexts?.[i] !== undefined && <p class="muted about-control">{faultTexts[i]}</p>}
        </Control>
      ))}
    </section>
  )
}

/** The parameters of the driver: changeable ones as fields, the others as text. */
function Params({
  hands,
  params,
}: {
  readonly hands: Hands
  readonly params: readonly DriverParam[] | undefined
}) {
  const live = params?.filter(param => param.live) ?? []
  const fixed = params?.filter(param => !param.live) ?? []
  const none = fixed.length > 0 ? 'None can change while the driver runs.' : 'The driver has none.'
  return (
    <>
      <section class="panel">
        <h2>Parameters of the driver</h2>
        {live.length === 0 && (
          <p class="muted">{params === undefined ? 'Waiting for the parameters.' : none}</p>
        )}
        <div class="params">
          {live.map(param => (
            <ParamControl key={param.name} hands={hands} param={param} />
          ))}
        </div>
      </section>
      {fixed.length > 0 && (
        <section class="panel">
          <h2>Options set at the start</h2>
          <dl class="fixed">
            {fixed.map(param => [
              <dt class="mono">{`--${optionName(param.name)}${param.value === '' ? '' : ` ${valueText(param)}`}`}</dt>,
              <dd class="small muted">{`${param.value === '' ? 'not given: ' : ''}${aboutParam(param)}`}</dd>,
            ])}
          </dl>
        </section>
      )}
    </>
  )
}

function ParamControl({ hands, param }: { readonly hands: Hands; readonly param: DriverParam }) {
  const { params } = hands
  const { name, type } = param
  /** Typed text is kept until it is set, whatever arrives. */
  const value = params.value.get(name) ?? param.value
  const id = `param-${name}`
  const field = {
    id,
    value,
    'aria-describedby': `${id}-about`,
    onInput: ({ currentTarget }: { readonly currentTarget: { readonly value: string } }) => {
      params.value = new Map(params.value).set(name, currentTarget.value)
    },
  }
  const done = () => {
    params.value = new Map([...params.value].filter(([other]) => other !== name))
  }
  return (
    <Control hands={hands} button="Set" change={{ do: 'param', name, value }} done={done}>
      <label for={id} class="mono">
        {name}
      </label>
      <span class="muted">{`is ${valueText(param)}`}</span>
      <p class="muted about-control" id={`${id}-about`}>
        {aboutParam(param)}
      </p>
      {type === 'bool' ? (
        <select {...field}>
          <option value="1">on</option>
          <option value="0">off</option>
        </select>
      ) : (
        <input
          {...field}
          spellcheck={false}
          autocomplete="off"
          inputMode={type === 'int' ? 'numeric' : 'text'}
        />
      )}
    </Control>
  )
}

function valueText({ type, value }: DriverParam): string {
  if (type === 'bool') return value === '1' ? 'on' : 'off'
  return value || 'empty'
}

/** Returns `transmit buffers per queue (int, 1 to 65536)`. */
const aboutParam = ({ description, type, range }: DriverParam): string =>
  `${description} (${[type, range].filter(Boolean).join(', ')})`
