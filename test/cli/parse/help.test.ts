/** The help texts name every command and option, and fit a terminal. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isDriverFile } from '#src/cli/driver-file.ts'
import { commonOptions } from '#src/cli/parse/options.ts'
import { parse } from '#src/cli/parse/parse.ts'
import { allCommands, commandNamed } from '#src/cli/program.ts'
import { drivers } from '#support/every-driver.ts'
import { exampleArguments } from '#support/example-arguments.ts'
import { runMain } from '#support/run-main.ts'

const lines = (text: string) => text.trimEnd().split('\n')

async function help(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runMain(...args)
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  expect(await help('--version')).toBe(`${version}\n`)
  expect(await help('-V')).toBe(`${version}\n`)
})

test('--help has the name of every command, on one screen of 24 lines and 80 columns', async () => {
  const text = await help('--help')
  expect(lines(text)[0]).toBe('Usage: vnet [COMMAND] [OPTIONS]')
  expect(lines(text).length).toBeLessThan(24)
  for (const { name, under } of await allCommands()) {
    if (under === undefined) {
      expect(text).toMatch(new RegExp(`^\\S.*:.* ${name}( |$)`, 'm'))
    }
  }
})

test('help --all lists the commands and subcommands with their arguments', async () => {
  const text = await help('help', '--all')
  expect(text).toMatch(/^ {2}loop +one interface /m)
  expect(text).toMatch(/^ {2}snull \[\[NETNS\/\]IF0 \[NETNS\/\]IF1\] +two interfaces/m)
  expect(text).toMatch(/^ {2}stats \[\[NETNS\/\]IF\.\.\.\] +show the counters/m)
  expect(text).toMatch(/^ {2}param \[NETNS\/\]IF \[NAME\[=VALUE\]\] +/m)
  expect(text).toMatch(/^ {2}lab check FILE +/m)
})

test('every command has examples, which it accepts', async () => {
  for (const command of await allCommands()) {
    expect(command.examples?.length, command.name).toBeGreaterThan(0)
    for (const [line] of command.examples ?? []) {
      const words = exampleArguments(line)
      const [first, ...given] = words
      const name = first === undefined || first.startsWith('-') ? 'loop' : first
      if (isDriverFile(name)) continue
      const sub = given[0] === undefined ? undefined : await commandNamed(given[0], name)
      const shown = sub ?? (await commandNamed(name))
      expect(shown, line).toBeDefined()
      if (shown === undefined) continue
      const own = name === first ? given : words
      const after = sub === undefined ? own : given.slice(1)
      expect(() => parse(shown, after), line).not.toThrow()
    }
  }
})

test.each([...Object.keys(drivers), 'lan'])(
  '%s --help has its arguments and every common option',
  async name => {
    const text = await help(name, '--help')
    expect(lines(text)[0]).toMatch(new RegExp(`^Usage: vnet ${name} \\[OPTIONS\\]`))
    for (const { long } of commonOptions()) {
      expect(text).toContain(` ${long}`)
    }
    expect(await help('help', name)).toBe(text)
    expect(await help(name, '-h')).toBe(text)
  },
)

test('the parameters of a driver come first among the options of its command', async () => {
  const text = await help('snull', '--help')
  expect(text.indexOf('--eth')).toBeGreaterThan(text.indexOf('Options of snull:'))
  expect(text.indexOf('--eth')).toBeLessThan(text.indexOf('Interfaces:'))
})

test('no line of a help text is longer than 80 columns', async () => {
  const all = (await allCommands()).map(({ name, under }) =>
    under === undefined ? [name] : [under, name],
  )
  for (const args of [['--help'], ['help', '--all'], ...all.map(words => ['help', ...words])]) {
    expect(lines(await help(...args)).filter(line => line.length > 80)).toEqual([])
  }
})

test('help without a command is --help', async () => {
  expect(await help('help')).toBe(await help('--help'))
})
