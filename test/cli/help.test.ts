/** The help texts name every command and option, and fit a terminal. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commonOptions } from '../../src/cli/options.ts'
import { list } from '../support/list.ts'
import { runMain } from '../support/run-main.ts'

const lines = (text: string) => text.trimEnd().split('\n')

async function help(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runMain(...args)
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await help('--version')).toBe(`${version}\n`)
  expect(await help('-V')).toBe(`${version}\n`)
})

test('--help lists the commands with their arguments, every common option, and examples', async () => {
  const text = await help('--help')
  expect(lines(text)[0]).toBe('Usage: vnet [COMMAND] [OPTIONS]')
  expect(text).toMatch(/^ {2}loop +one interface .*\n.*\(the default\)$/m)
  expect(text).toMatch(/^ {2}snull \[\[NETNS\/\]IF0 \[NETNS\/\]IF1\] +two interfaces/m)
  expect(text).toMatch(/^ {2}cable \[NETNS\/\]IF \[NETNS\/\]IF +two interfaces/m)
  expect(text).toMatch(/^ {2}stats \[\[NETNS\/\]IF\.\.\.\] +show the counters/m)
  for (const { long } of commonOptions()) expect(text).toContain(` ${long}`)
  expect(text).toMatch(/^Examples:$/m)
})

test.each(['loop', 'snull', 'cable', 'lan'])('%s --help has its arguments and every common option', async name => {
  const text = await help(name, '--help')
  expect(lines(text)[0]).toMatch(new RegExp(`^Usage: vnet ${name} \\[OPTIONS\\]`))
  for (const { long } of commonOptions()) expect(text).toContain(` ${long}`)
  expect(await help('help', name)).toBe(text)
  expect(await help(name, '-h')).toBe(text)
})

test('commands that query a running vnet have a heading of their own', async () => {
  const text = await help('--help')
  const asking = text.indexOf('Asking a running vnet:')
  expect(asking).toBeGreaterThan(text.indexOf('  cable '))
  for (const name of ['list', 'carrier [NETNS/]IF on|off', 'param [NETNS/]IF [NAME[=VALUE]]', 'events']) {
    expect(text.indexOf(`\n  ${name} `)).toBeGreaterThan(asking)
  }
})

test('the parameters of a driver come first among the options of its command', async () => {
  const text = await help('snull', '--help')
  expect(text.indexOf('--eth')).toBeGreaterThan(text.indexOf('Options of snull:'))
  expect(text.indexOf('--eth')).toBeLessThan(text.indexOf('Interfaces:'))
})

test('no line of a help text is longer than 80 columns', async () => {
  const asking = list('list show stats reset echo ioctl cut plug carrier param trigger events capture frames extcap')
  for (const args of [
    [],
    ...[
      'loop',
      'snull',
      'cable',
      'lan',
      ...asking,
      'simulate',
      'replay',
      'rootless',
      'lab',
      'explore',
      'exec',
      'completion',
      'help',
    ].map(name => [name]),
  ]) {
    for (const line of lines(await help(...args, '--help'))) expect(line.length, line).toBeLessThanOrEqual(80)
  }
})

test('help without a command is --help', async () => {
  expect(await help('help')).toBe(await help('--help'))
})
