/** The pages on commands are what scripts/commands-page.mjs makes from the tables of commands. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commonOptions } from '#src/cli/parse/options.ts'
import { allCommands } from '#src/cli/program.ts'
import { commandsPages } from '../../scripts/commands-page.mjs'

const names = readdirSync('docs').filter(name => /^commands.*\.md$/.test(name))
const pages = Object.fromEntries(names.map(name => [name, readFileSync(`docs/${name}`, 'utf8')]))
const all = Object.values(pages).join('\n')

// Loads all drivers, outside of the tests' time.
const commands = await allCommands()

test('docs/commands*.md have the current options of all commands: else run npm run generate', () => {
  expect(pages).toEqual(commandsPages(commands, commonOptions(), pages['commands.md'] ?? ''))
})

test('every command has a section on one page', () => {
  const headings = [...all.matchAll(/^## vnet (.*)$/gm)].map(([, name]) => name)
  expect(new Set(headings).size).toBe(headings.length)
  expect(headings).toHaveLength(commands.length)
})

test('every default has a unit, or is a small number', () => {
  expect(all.match(/\(default [^)]*\d{5}.*/g)).toBeNull()
})

test('every link from docs/commands.md to a command leads to its heading', () => {
  const anchors = (page: string) =>
    [...page.matchAll(/^## (.*)$/gm)].map(([, text = '']) =>
      text.toLowerCase().replaceAll(' ', '-'),
    )
  const index = 'commands.md'
  const links = [...pages[index]!.matchAll(/\]\((commands-\w+\.md)?#(.*?)\)/g)]
  expect(links.length).toBeGreaterThan(commands.length)
  for (const [, page = index, anchor] of links) {
    expect(anchors(pages[page] ?? '')).toContain(anchor)
  }
})
