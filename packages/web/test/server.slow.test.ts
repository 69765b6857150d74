/** The server of the page: all modules of the page, and devices that no page looks at. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commands } from '#src/control/protocol/family.ts'
import { type Served, served } from './served.ts'

const id = `${process.pid}//sn0`
const { getParts } = commands

let web: Served
beforeEach(async () => {
  web = await served()
})
afterEach(() => web[Symbol.asyncDispose]())

describe('the files of the page', () => {
  test('every module that the page imports is served', async () => {
    const seen = new Set(['/main.js'])
    for (const path of seen) {
      const { status, text } = await web.ask(path)
      expect([path, status]).toEqual([path, 200])
      // Examples in comments import other modules.
      const code = text.replaceAll(/^ \*.*$/gm, '')
      for (const [, , specifier = ''] of code.matchAll(/\bfrom ?(['"])([./@\w-]+)\1/g)) {
        seen.add(new URL(specifier, `http://page${path}`).pathname)
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(['/base/joined.js', '/@preact/signals-core.js']),
    )
  })
})

describe('what pages cost a vnet', () => {
  test('a device is read no more when its last page has left', async () => {
    const fake = web.vnet()
    const [other, feed] = [await web.feed(), await web.feed(`device=${id}&want=parts`)]
    const asked = () => fake.asked.filter(({ cmd }) => cmd === getParts.cmd).length
    await feed.next('parts')
    await feed.close()
    await other.next('stats')
    await other.next('stats')
    const before = asked()
    // A second, in which the parts would be read four times.
    await other.next('stats')
    expect(asked()).toBe(before)
  })
})
