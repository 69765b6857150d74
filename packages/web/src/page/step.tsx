/** Step by step: a frame halts before each step of its path. A click or a key runs the step. */
import { computed, effect, type Signal, signal, untracked } from '@preact/signals'
import { useState } from 'preact/hooks'
import type {
  DeviceId,
  DeviceRow,
  Message,
  PageCommand,
  PartInfo,
  StepInfo,
} from '../feed-types.ts'
import { type App, draftOf, type View } from './app.ts'
import { commandLine, NO_TOKEN } from './control.tsx'
import { describePart } from './driver-text.ts'
import {
  EVERY,
  FilterFields,
  type FrameFilter,
  frameFilter,
  type Wanted,
} from './filter-fields.tsx'
import { Bytes, Headers } from './frame-parts.tsx'
import {
  changedBytes,
  dropAfter,
  isNewPath,
  isPassedOver,
  labelOf,
  noCodeWords,
  noFrameWords,
  numbered,
  onPath,
  STEPS,
  stateWords,
  TIMES,
  timeWords,
} from './step-model.ts'
import { CommandBox, SCROLLABLE, useKeys } from './table.tsx'

type StepCommand = Extract<PageCommand, { do: 'step' }>

const NEXT: StepCommand = { do: 'step', mode: 'next' }

/** A device's last message, and the frame that waited before it, to show the changes of a step. */
interface Stepped {
  readonly message: Message<'step'>
  readonly before: StepInfo | undefined
  /** The earlier values of all fields that changed on the path of the frame. */
  readonly changed: ReadonlyMap<string, string>
  /** Its bytes where it was first seen. */
  readonly first: string | undefined
  /** Why frames were dropped since the last halt with a frame. */
  readonly drop?: string | undefined
}

export function stepView(app: App): View {
  const stepped = signal<Stepped | undefined>(undefined)
  const chosen = draftOf(app, 0)
  const filter = frameFilter(app, draftOf<Wanted>(app, EVERY))
  // Drops also change `stepped`, but a step runs once for each message about it.
  const halted = computed(() => stepped.value?.message)
  effect(() => {
    const { step } = halted.value ?? {}
    const passes = filter.passes.value
    if (step === undefined || passes === undefined || !isPassedOver(passes, step)) return
    // Another page with a filter may run the same step.
    untracked(() => app.mayChange && void app.command({ ...NEXT, count: step.count }))
  })
  const parts = signal<ReadonlyMap<DeviceId, readonly PartInfo[]>>(new Map())
  return {
    name: 'step',
    title: 'Step',
    wants: ['step', 'parts', 'flights'],
    wantsPeer: true,
    receive(message) {
      if (message.type === 'parts') {
        parts.value = new Map([...parts.value, [message.id, message.parts]])
      }
      if (
        message.type === 'flights' &&
        message.id === app.device?.id &&
        stepped.value !== undefined
      ) {
        const drop = dropAfter(stepped.value.message.step ?? stepped.value.before, message.frames)
        if (drop !== undefined) {
          stepped.value = { ...stepped.value, drop }
        }
      }
      if (message.type !== 'step' || message.id !== app.device?.id) return
      const last = stepped.value?.message.id === message.id ? stepped.value : undefined
      const before = message.mode === 'off' ? undefined : (last?.message.step ?? last?.before)
      const { step } = message
      const changed = onPath(last?.changed, before, step)
      const first = (isNewPath(before, step) ? undefined : last?.first) ?? step?.frame?.bytes
      stepped.value = {
        message,
        before,
        changed,
        first,
        drop: step === undefined ? last?.drop : undefined,
      }
    },
    Body: () =>
      app.device === undefined ? (
        <p class="muted">There is no interface to step.</p>
      ) : (
        <Stepper
          key={app.device.id}
          {...{ app, device: app.device, stepped, parts, chosen, filter }}
        />
      ),
  }
}

interface StepperProps {
  readonly app: App
  readonly device: DeviceRow
  readonly stepped: Signal<Stepped | undefined>
  readonly parts: Signal<ReadonlyMap<DeviceId, readonly PartInfo[]>>
  /** After how many milliseconds frames continue by themselves, 0 for never. */
  readonly chosen: Signal<number>
  readonly filter: FrameFilter
}

function Stepper({ app, device, stepped, parts, chosen, filter }: StepperProps) {
  const [refused, setRefused] = useState('')
  const error = filter.error.value || refused
  const { mayChange, vnets } = app
  const { message, before, changed, first, drop } =
    (stepped.value?.message.id === device.id && stepped.value) || {}
  const { mode = 'off', step } = message ?? {}
  const isOn = mode === 'on'
  const every = isOn ? (message?.every ?? 0) : chosen.value
  const halt = (frames: number): StepCommand => ({
    do: 'step',
    mode: 'on',
    ...(frames > 0 && { every: frames }),
  })
  const run = async (command: StepCommand) => {
    const result = await app.command(command)
    setRefused(result.ok ? '' : result.message)
  }
  const toggle = () => void run(isOn ? { do: 'step', mode: 'off' } : halt(every))
  const choose = (ms: number) => {
    chosen.value = ms
    if (isOn) {
      void run(halt(ms))
    }
  }
  useKeys(({ key, repeat }) => {
    if (repeat || !mayChange) return
    if (key === 's') {
      toggle()
    } else if (key === 'n' && step !== undefined) {
      void run(NEXT)
    }
  })
  return (
    <div class="step stack">
      {!mayChange && <p class="warn">{NO_TOKEN}</p>}
      <section class="panel stack close">
        <Buttons
          {...{ isOn, every, toggle, choose }}
          hasToken={mayChange}
          next={step === undefined ? undefined : () => run(NEXT)}
        />
        <div class="row">
          <span>Halt only</span>
          <FilterFields
            filter={filter}
            label="Halt only"
            describedBy="step-filter"
            device={device}
            disabled={!mayChange}
            hasFate={false}
          />
        </div>
        <p class="small muted" id="step-filter" hidden={filter.passes.value === undefined}>
          Steps of other frames, and steps without a frame, run by themselves while this page is
          open.
        </p>
        <CommandBox line={commandLine(device.label, isOn ? NEXT : halt(every))} />
        <p class="drop" role="alert" hidden={error === ''}>
          {error}
        </p>
        <p class="step-state" role="status">
          {stateWords(mode, step, vnets, before, drop)}
        </p>
        <ol class="step-path" aria-label="The path of a frame">
          {STEPS.map(({ title, text }, i) => (
            <li key={title} aria-current={step?.step === i + 1 ? 'step' : undefined}>
              <strong>{title}</strong>
              <span class="muted">{text}</span>
            </li>
          ))}
        </ol>
      </section>
      {step !== undefined && (
        <div class="columns">
          <div class="stack">
            <Code step={step} hasToken={mayChange} />
            <Parts label={labelOf(step.id, vnets)} parts={parts.value.get(step.id) ?? []} />
          </div>
          <Frame {...{ step, changed, first }} hasToken={mayChange} />
        </div>
      )}
    </div>
  )
}

interface ButtonsProps {
  readonly isOn: boolean
  readonly every: number
  readonly hasToken: boolean
  readonly toggle: () => void
  readonly choose: (ms: number) => void
  /** Makes the next step; undefined if no frame waits. */
  readonly next: (() => void) | undefined
}

function Buttons({ isOn, every, hasToken, toggle, choose, next }: ButtonsProps) {
  // Another program may have chosen a time that is not in the list.
  const times: readonly number[] = TIMES.some(time => time === every) ? TIMES : [...TIMES, every]
  return (
    <div class="row">
      <button
        type="button"
        class={next === undefined ? '' : 'primary'}
        aria-keyshortcuts="n"
        disabled={!hasToken || next === undefined}
        onClick={next}
      >
        Next step <kbd class="muted">n</kbd>
      </button>
      <button
        type="button"
        class={isOn ? '' : 'primary'}
        aria-keyshortcuts="s"
        disabled={!hasToken}
        onClick={toggle}
      >
        <span>{isOn ? 'Let frames pass' : 'Halt frames'}</span> <kbd class="muted">s</kbd>
      </button>
      <label class="row">
        Goes on by itself
        <select
          value={`${every}`}
          disabled={!hasToken}
          onChange={({ currentTarget }) => choose(Number(currentTarget.value))}
        >
          {times.map(ms => (
            <option key={ms} value={`${ms}`}>
              {timeWords(ms)}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}

interface PanelProps {
  readonly step: StepInfo
  readonly hasToken: boolean
  readonly changed?: Stepped['changed'] | undefined
  readonly first?: string | undefined
}

function Frame({ step, changed, first, hasToken }: PanelProps) {
  const { frame } = step
  return (
    <section class="panel stack close step-frame">
      <h2>The frame</h2>
      {frame === undefined ? (
        <p class="muted">{noFrameWords(step, hasToken)}</p>
      ) : (
        <>
          <p class="mono">{frame.text}</p>
          <Headers headers={frame.headers} {...(changed && { changed })} />
          <Bytes {...frame} changed={changedBytes(first ?? frame.bytes, frame.bytes)} />
        </>
      )}
    </section>
  )
}

function Code({ step, hasToken }: PanelProps) {
  const { source } = step
  return (
    <section class="panel stack close step-code">
      <h2>The driver</h2>
      {source === undefined ? (
        <p class="muted">{noCodeWords(step, hasToken)}</p>
      ) : (
        <>
          <p class="mono muted">{`${source.file}:${source.line}`}</p>
          <section class="scroll" aria-label={`Line ${source.line} is next`} {...SCROLLABLE}>
            <pre>
              {numbered(source).map(({ text, isNext }, i) => (
                <span key={i} class={isNext ? 'next' : ''}>{`${text}\n`}</span>
              ))}
            </pre>
          </section>
        </>
      )}
    </section>
  )
}

/** The rings, queues and interrupts of the interface where the frame waits. */
function Parts({ label, parts }: { readonly label: string; readonly parts: readonly PartInfo[] }) {
  if (parts.length === 0) return null
  return (
    <section class="panel stack close step-parts">
      <h2>{`Rings and queues of ${label}`}</h2>
      <dl>
        {parts.map(part => {
          const { name, value, note, tone } = describePart(part, undefined)
          return (
            <div key={`${part.kind} ${part.name}`}>
              <dt class="mono">{name}</dt>
              <dd class={tone === 'plain' ? '' : tone}>
                {[value, note].filter(Boolean).join(', ')}
              </dd>
            </div>
          )
        })}
      </dl>
    </section>
  )
}
