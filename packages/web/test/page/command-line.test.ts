/** The command lines that the page shows: what a shell and vnet make of them. */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shellWord } from '../../../../src/base/printable.ts'
import { FakeVnet } from '../../../../test/support/fake-vnet.ts'
import { freshDirectory } from '../../../../test/support/fresh-directory.ts'
import { mainIn } from '../../../../test/support/run-main.ts'
import { type Change, commandLine, script } from '../../src/page/command-line.ts'

/** Splits a line into arguments like a shell. */
function shellWords(line: string): string[] {
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
  return stdout.split('\0').slice(0, -1)
}

describe('shellWord', () => {
  test('a shell reads each word as it was', () => {
    const hostile = [
      '',
      "it's",
      "it's $HOME",
      "it's `id`",
      'it\'s !! \\ "',
      '$(id)',
      '`id`',
      'a b',
      '~root',
      '*',
      '!!',
      '"',
      '\\',
      '\n',
      '#x',
      '=ls',
      '-x',
      'a=b',
      'ä',
    ]
    const random = fc.sample(fc.string({ unit: 'grapheme', minLength: 1 }), { numRuns: 200, seed: 7 })
    const words = [...hostile, ...random]
    expect(shellWords(words.map(shellWord).join(' '))).toEqual(words)
  })

  test('arguments of letters and digits need no quotes', () => {
    expect(['sn0', 'red/eth0', 'ringSize=64', '--ab'].map(shellWord)).toEqual([
      'sn0',
      'red/eth0',
      'ringSize=64',
      '--ab',
    ])
  })
})

test('words with single quotes stand in double quotes where that changes nothing', () => {
  expect(shellWord("match 'tcp port 80' ( loss 1% )")).toBe(`"match 'tcp port 80' ( loss 1% )"`)
  expect(shellWord("it's $HOME")).toBe(`'it'\\''s $HOME'`)
})

describe('commandLine', () => {
  const [GET_DEVICES, GET_STATS, RESET_STATS, SET_CARRIER, SET_PARAM, TRIGGER, CUT, PLUG] = [2, 3, 4, 5, 7, 8, 14, 15]
  const [SET_WIRE, STEP] = [17, 21]
  const ATTACHMENTS = new Uint8Array()
  const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer)
  const nul = (text: string) => new TextEncoder().encode(`${text}\0`)
  const directory = freshDirectory()
  const { runMain } = mainIn(directory)

  const cases: [Change, string, number, Record<number, Uint8Array>][] = [
    [{ do: 'cut' }, 'vnet cut sn0', CUT, {}],
    [{ do: 'plug' }, 'vnet plug sn0', PLUG, {}],
    [{ do: 'reset' }, 'vnet reset sn0', RESET_STATS, {}],
    [{ do: 'carrier', on: false }, 'vnet carrier sn0 off', SET_CARRIER, { 21: Uint8Array.of(0) }],
    [{ do: 'carrier', on: true }, 'vnet carrier sn0 on', SET_CARRIER, { 21: Uint8Array.of(1) }],
    [
      { do: 'param', name: 'lockup', value: '5' },
      'vnet param sn0 lockup=5',
      SET_PARAM,
      { 15: nul('lockup'), 16: nul('5') },
    ],
    [{ do: 'trigger', fault: 'flap' }, 'vnet trigger sn0 flap', TRIGGER, { 22: nul('flap') }],
    [
      { do: 'trigger', fault: 'lockup', queue: 2 },
      'vnet trigger --queue 2 sn0 lockup',
      TRIGGER,
      { 22: nul('lockup'), 10: u32(2) },
    ],
    [
      { do: 'wire', text: 'delay 20ms loss 1%' },
      "vnet wire sn0 'delay 20ms loss 1%'",
      SET_WIRE,
      { 50: nul('delay 20ms loss 1%') },
    ],
    [
      { do: 'wire', text: 'delay 3ms', direction: 'ab' },
      "vnet wire --wire-ab 'delay 3ms' sn0",
      SET_WIRE,
      { 49: Uint8Array.of(0), 50: nul('delay 3ms') },
    ],
    [{ do: 'wire', text: undefined }, 'vnet wire sn0 off', SET_WIRE, {}],
    [
      { do: 'wire', text: undefined, direction: 'ba' },
      'vnet wire --wire-ba off sn0',
      SET_WIRE,
      { 49: Uint8Array.of(1) },
    ],
    [{ do: 'step', mode: 'next' }, 'vnet step sn0 next', STEP, { 67: Uint8Array.of(2) }],
    [
      { do: 'step', mode: 'on', every: 500 },
      'vnet step --every 500ms sn0 on',
      STEP,
      { 67: Uint8Array.of(1), 68: u32(500) },
    ],
  ]
  test.each(cases)('%j is `%s`, which makes the same request', async (change, line, cmd, attributes) => {
    const sn0 = { 1: u32(7), 2: nul('sn0') }
    using fake = new FakeVnet(directory, {
      [GET_DEVICES]: () => [b => void b.u32(1, 7).string(2, 'sn0')],
      // For the drops of a step.
      [GET_STATS]: () => [],
      [cmd]: () => (cmd === STEP ? [b => void b.u8(67, 0)] : []),
    })
    expect(commandLine('sn0', change)).toBe(line)
    const [vnet, ...words] = shellWords(line)
    expect(vnet).toBe('vnet')
    expect(await runMain(...words)).toMatchObject({ status: 0, stderr: '' })
    expect(fake.asked.filter(asked => asked.cmd === cmd)).toEqual([
      { cmd, dump: false, attributes: { ...sn0, ...attributes, ...(cmd === SET_WIRE && { 51: ATTACHMENTS }) } },
    ])
  })

  test('a name with a leading dash follows --', async () => {
    using fake = new FakeVnet(
      directory,
      {
        [GET_DEVICES]: () => [b => void b.u32(1, 7).string(2, '-h')],
        [CUT]: () => [],
      },
      { interfaces: [{ name: '-h', ifindex: 7, inode: statSync('/proc/self/ns/net').ino }] },
    )
    const [, ...words] = shellWords(commandLine('-h', { do: 'cut' }))
    expect(await runMain(...words)).toMatchObject({ status: 0 })
    expect(fake.asked.at(-1)).toMatchObject({ cmd: CUT, attributes: { 2: nul('-h') } })
  })
})

describe('script', () => {
  test('the script makes the changes that succeeded, with the pauses between them', () => {
    const changes = [
      { time: 1000, line: 'vnet cut sn0' },
      { time: 2000, line: 'vnet plug sn1', error: 'no such device' },
      { time: 5400, line: 'vnet plug sn0' },
      { time: 5500, line: 'vnet reset sn0' },
    ]
    expect(script(changes)).toBe('#!/bin/sh -e\nvnet cut sn0\nsleep 4\nvnet plug sn0\nvnet reset sn0\n')
  })

  test('the script of no changes does nothing', () => {
    expect(script([])).toBe('#!/bin/sh -e\n')
  })
})
