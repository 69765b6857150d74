/** What vnet and its packages are for: the same sentence wherever they are met first. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const purposeOf = (folder: string): string => JSON.parse(read(`${folder}/package.json`)).description
const purpose = purposeOf('.')

/** Returns the first paragraph after the title of a page, as its reader sees it. */
function opening(path: string): string {
  const [, text = ''] = /^# .*\n\n([\s\S]*?)\n\n/m.exec(read(path)) ?? []
  return text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replace(/\s+/g, ' ')
}

test.each(['README.md', 'docs/.vitepress/front.md'])('%s opens with the purpose of vnet', path => {
  expect(opening(path).startsWith(`${purpose}. `), opening(path)).toBe(true)
})

test('vnet --help and the image say the same', async () => {
  const { stdout } = await runMain('--help')
  expect(stdout.replace(/\s+/g, ' ')).toContain(` ${purpose}. Without COMMAND: loop. `)
  expect(read('Dockerfile')).toContain(`image.description="${purpose}"`)
})

test.each(readdirSync('packages'))('the README of packages/%s opens with its purpose', name => {
  const folder = `packages/${name}`
  const text = `${opening(`${folder}/README.md`)} `
  expect(text.startsWith(`${purposeOf(folder)}. `), text).toBe(true)
})
