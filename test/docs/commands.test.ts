/** docs/commands.md is what scripts/commands-page.mjs makes from the tables of commands. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandsPage } from '../../scripts/commands-page.mjs'
import { commonOptions } from '../../src/cli/options.ts'
import { allCommands } from '../../src/cli/program.ts'

const page = readFileSync('docs/commands.md', 'utf8')

// Loads all drivers, outside of the tests' time.
const commands = await allCommands()

test('docs/commands.md has the current options of all commands: else run scripts/commands-page.mjs', () => {
  expect(page).toBe(commandsPage(commands, commonOptions()))
})

test('every default has a unit, or is a small number', () => {
  expect(page.match(/\(default [^)]*\d{5}.*/g)).toBeNull()
})

test('every link within docs/commands.md leads to a heading', () => {
  const anchors = [...page.matchAll(/^## (.*)$/gm)].map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'))
  const links = [...page.matchAll(/\]\(#(.*?)\)/g)].map(([, anchor = '']) => anchor)
  expect(links.length).toBeGreaterThan(anchors.length)
  for (const link of links) expect(anchors).toContain(link)
})
