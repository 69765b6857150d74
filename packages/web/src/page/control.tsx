/** A control: fields, a button, the command line that does the same, and the result. */
import { type Signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { shellWord } from 'vnet/kit/base'
import type { CommandResult, PageCommand } from '../feed-types.ts'
import type { App } from './app.ts'
import { type ChangeLog, record } from './changes.tsx'
import { CommandBox } from './table.tsx'

export const NO_TOKEN = 'The address of this page has no token: it can look, but change nothing.'

/** A direction of a wire. */
export type Direction = 'ab' | 'ba'

/** Common to all controls of a page. */
export interface Hands {
  readonly app: App
  /** The changes that were made from this page, in the order of their times. */
  readonly log: ChangeLog
  /** The text of the wire that is typed, and the direction chosen for it, empty for both. */
  readonly wire: Signal<{ readonly text: string; readonly direction: Direction | '' }>
  /** The queue chosen for faults, empty for any. */
  readonly queue: Signal<string>
  /** The values of parameters that are typed but not set, by their names. */
  readonly params: Signal<ReadonlyMap<string, string>>
}

interface ControlProps {
  readonly hands: Hands
  readonly button: string
  /** The change that it makes; undefined while the fields are incomplete. */
  readonly change: Change | undefined
  /** The result that is shown, the later of its button's and any other that is put here. */
  readonly shown?: Signal<CommandResult | undefined>
  readonly done?: () => void
  readonly children: ComponentChildren
}

/** A form for one change. It shows the command line that does the same, and the result. */
export function Control({ hands, button, change, shown, done, children }: ControlProps) {
  const { app, log } = hands
  const { device, mayChange } = app
  const own = useSignal<CommandResult | undefined>(undefined)
  const last = shown ?? own
  const [isBusy, setBusy] = useState(false)
  const line = device && change && commandLine(device.label, change)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (line === undefined || change === undefined || isBusy) return
    last.value = undefined
    setBusy(true)
    const result = await app.command(change)
    setBusy(false)
    last.value = result
    record(log, line, result.ok ? undefined : result.message)
    if (result.ok) {
      done?.()
    }
  }
  // The lines after the first show the position in the text.
  const [first, ...lines] = last.value?.ok === false ? last.value.message.split('\n') : []
  // A busy button that is disabled would lose the focus.
  return (
    <form
      class="control stack tight"
      onSubmit={submit}
      onInput={() => {
        last.value = undefined
      }}
    >
      <fieldset class="row" disabled={!mayChange}>
        {children}
        <span class="row">
          <span class="ok" role="status">
            {last.value?.ok === true && 'done'}
          </span>
          <button
            type="submit"
            disabled={line === undefined}
            aria-busy={isBusy}
            title={mayChange ? '' : NO_TOKEN}
          >
            {button}
          </button>
        </span>
      </fieldset>
      <CommandBox line={line} />
      <div class="error drop" role="alert" hidden={first === undefined}>
        <p>{first}</p>
        {lines.length > 0 && <pre>{lines.join('\n')}</pre>}
      </div>
    </form>
  )
}

/** A change, as opposed to a question. */
export type Change = Exclude<PageCommand, { readonly do: 'check-wire' | 'filter' }>

/** Returns `vnet cut sn0`, quoted for a shell. `label` names the device: `sn0`, `red/eth0`. */
export function commandLine(label: string, change: Change): string {
  const [name, operands, options = []] = wordsOf(change)
  return vnetLine(name, options, [label, ...operands])
}

/** Returns a command line of vnet, quoted for a shell. */
export function vnetLine(
  name: string,
  options: readonly string[],
  operands: readonly string[],
): string {
  // After `--` a word may start with a dash.
  const dashes = operands.some(word => word.startsWith('-')) ? ['--'] : []
  return ['vnet', name, ...options, ...dashes, ...operands].map(shellWord).join(' ')
}

type Words = readonly [name: string, operands: readonly string[], options?: readonly string[]]

function wordsOf(change: Change): Words {
  switch (change.do) {
    case 'carrier':
      return ['carrier', [change.on ? 'on' : 'off']]
    case 'param':
      return ['param', [`${change.name}=${change.value}`]]
    case 'trigger':
      return ['trigger', [change.fault], option('--queue', change.queue)]
    case 'wire': {
      const { text = 'off', direction } = change
      return direction === undefined
        ? ['wire', [text]]
        : ['wire', [], option(`--wire-${direction}`, text)]
    }
    case 'step':
      return ['step', [change.mode], option('--every', change.every && `${change.every}ms`)]
    default:
      return [change.do, []]
  }
}

const option = (name: string, value: string | number | undefined): string[] =>
  value === undefined ? [] : [name, `${value}`]
