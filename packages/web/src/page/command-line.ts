/** The command lines with the same effect as the controls of the page. */
import { shellWord } from 'vnet/internal/base/printable'
import type { PageCommand } from '../feed-types.ts'

/** A change, as opposed to a question. */
export type Change = Exclude<PageCommand, { readonly do: 'check-wire' | 'filter' }>

/** Returns `vnet cut sn0`, quoted for a shell. `label` names the device: `sn0`, `red/eth0`. */
export function commandLine(label: string, change: Change): string {
  const [name, operands, options = []] = wordsOf(change)
  return vnetLine(name, options, [label, ...operands])
}

/** Returns a command line of vnet, quoted for a shell. */
export function vnetLine(name: string, options: readonly string[], operands: readonly string[]): string {
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
      return direction === undefined ? ['wire', [text]] : ['wire', [], option(`--wire-${direction}`, text)]
    }
    case 'step':
      return ['step', [change.mode], option('--every', change.every && `${change.every}ms`)]
    default:
      return [change.do, []]
  }
}

const option = (name: string, value: string | number | undefined): string[] =>
  value === undefined ? [] : [name, `${value}`]

/** A change that was made, or was tried. */
export interface DoneChange {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly line: string
  /** Why it failed; undefined if it did not. */
  readonly error?: string | undefined
}

/** Returns a shell script of the changes that succeeded, with their pauses, to the second. */
export function script(changes: readonly DoneChange[]): string {
  const made = changes.filter(({ error }) => error === undefined)
  const lines = made.flatMap(({ time, line }, i) => {
    const pause = i === 0 ? 0 : Math.round((time - (made[i - 1] as DoneChange).time) / 1000)
    return pause > 0 ? [`sleep ${pause}`, line] : [line]
  })
  return ['#!/bin/sh -e', ...lines, ''].join('\n')
}
