/** The driver in a file that a visitor opens. */
import { deflateRawSync } from 'node:zlib'
import { strToU8, zipSync } from 'fflate'
import { expect, test } from 'vitest'
import { driverIn } from '../src/browser/driver-file.ts'
import { inflated } from '../src/browser/kept-driver.ts'

const TOO_LONG = ' '.repeat(1_000_001)
const zipWith = (text: string) => new Blob([zipSync({ '01-drop/drop.js': strToU8(text) })])

test.each([
  ['drop.js', new Blob([TOO_LONG])],
  ['drop.zip', zipWith(TOO_LONG)],
])('a driver in %s that is too long is refused', async (name, blob) => {
  await expect(driverIn(new File([blob], name), 'drop.js')).rejects.toThrow(
    'a driver has at most 1000000 characters',
  )
})

test('a compressed driver that is too long is refused', async () => {
  const bytes = Uint8Array.from(deflateRawSync(TOO_LONG))
  await expect(inflated(bytes)).rejects.toThrow('a driver has at most 1000000 characters')
})

test('a zip file without the driver is refused', async () => {
  const file = new File([zipWith('text')], 'other.zip')
  await expect(driverIn(file, 'mirror.js')).rejects.toThrow('no mirror.js in it')
})

test('a zip file is found by its ending in capital letters', async () => {
  expect(await driverIn(new File([zipWith('text')], 'DROP.ZIP'), 'drop.js')).toBe('text')
})
