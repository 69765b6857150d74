/** The command lines that the page shows: what a shell and vnet make of them. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { shellWord } from '#src/base/printable.ts'
import { ControlClient } from '#src/control/index.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { servedNets } from '#support/served-nets.ts'
import { script } from '../../src/page/changes.tsx'
import { type Change, commandLine } from '../../src/page/control.tsx'

const { serve, runMain } = servedNets()
afterEach(() => vi.restoreAllMocks())

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
    const random = fc.sample(fc.string({ unit: 'grapheme', minLength: 1 }), {
      numRuns: 200,
      seed: 7,
    })
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
  type Method =
    | 'cut'
    | 'plug'
    | 'resetStats'
    | 'setCarrier'
    | 'setParam'
    | 'trigger'
    | 'setWire'
    | 'step'
  const wire = (text: string | undefined, direction?: 'ab' | 'ba') =>
    expect.objectContaining({ text, direction })
  const cases: [Change, string, Method, unknown[]][] = [
    [{ do: 'cut' }, 'vnet cut sn0', 'cut', []],
    [{ do: 'plug' }, 'vnet plug sn0', 'plug', []],
    [{ do: 'reset' }, 'vnet reset sn0', 'resetStats', []],
    [{ do: 'carrier', on: false }, 'vnet carrier sn0 off', 'setCarrier', [false]],
    [{ do: 'carrier', on: true }, 'vnet carrier sn0 on', 'setCarrier', [true]],
    [
      { do: 'param', name: 'lockup', value: '5' },
      'vnet param sn0 lockup=5',
      'setParam',
      ['lockup', '5'],
    ],
    [{ do: 'trigger', fault: 'flap' }, 'vnet trigger sn0 flap', 'trigger', ['flap', undefined]],
    [
      { do: 'trigger', fault: 'lockup', queue: 2 },
      'vnet trigger --queue 2 sn0 lockup',
      'trigger',
      ['lockup', 2],
    ],
    [
      { do: 'wire', text: 'delay 20ms loss 1%' },
      "vnet wire sn0 'delay 20ms loss 1%'",
      'setWire',
      [wire('delay 20ms loss 1%')],
    ],
    [
      { do: 'wire', text: 'delay 3ms', direction: 'ab' },
      "vnet wire --wire-ab 'delay 3ms' sn0",
      'setWire',
      [wire('delay 3ms', 'ab')],
    ],
    [{ do: 'wire', text: undefined }, 'vnet wire sn0 off', 'setWire', [wire(undefined)]],
    [
      { do: 'wire', text: undefined, direction: 'ba' },
      'vnet wire --wire-ba off sn0',
      'setWire',
      [wire(undefined, 'ba')],
    ],
    [{ do: 'step', mode: 'next' }, 'vnet step sn0 next', 'step', ['next', { every: undefined }]],
    [
      { do: 'step', mode: 'on', every: 500 },
      'vnet step --every 500ms sn0 on',
      'step',
      ['on', { every: 500 }],
    ],
  ]
  test.each(cases)(
    '%j is `%s`, which makes the same request',
    async (change, line, method, args) => {
      await serve(loop, ['sn0'])
      const request = vi
        .spyOn(ControlClient.prototype, method)
        .mockResolvedValue({ mode: 'off', every: 0, halt: undefined })
      expect(commandLine('sn0', change)).toBe(line)
      const [vnet, ...words] = shellWords(line)
      expect(vnet).toBe('vnet')
      expect(await runMain(...words)).toMatchObject({ status: 0, stderr: '' })
      expect(request.mock.calls).toEqual([
        [expect.any(String), expect.objectContaining({ name: 'sn0' }), ...args],
      ])
    },
  )

  test('a name with a leading dash follows --', async () => {
    const { devices } = await serve(loop, ['-h'])
    const [, ...words] = shellWords(commandLine('-h', { do: 'cut' }))
    expect(await runMain(...words)).toMatchObject({ status: 0 })
    expect(devices[0]?.cut).toBe(true)
  })
})

describe('script', () => {
  test('the script makes the changes that succeeded, with the pauses between them', () => {
    const changes = [
      { time: 1000, line: 'vnet cut sn0', error: undefined },
      { time: 2000, line: 'vnet plug sn1', error: 'no such device' },
      { time: 5400, line: 'vnet plug sn0', error: undefined },
      { time: 5500, line: 'vnet reset sn0', error: undefined },
    ]
    expect(script(changes)).toBe(
      '#!/bin/sh -e\nvnet cut sn0\nsleep 4\nvnet plug sn0\nvnet reset sn0\n',
    )
  })

  test('the script of no changes does nothing', () => {
    expect(script([])).toBe('#!/bin/sh -e\n')
  })
})
