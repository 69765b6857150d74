/** What a wire's text names in a browser. */
import { expect, test } from 'vitest'
import { udpFrame } from '#src/bed/frames.ts'
import { LinuxWireResources } from '#src/wire/wire-resources.browser.ts'

const resources = new LinuxWireResources()

test('a browser compiles filters itself, and says what is wrong with one', () => {
  const frame = udpFrame({ from: '198.18.0.1', to: '198.18.0.2', destinationPort: 53 })
  const passes = ['udp port 53', 'tcp'].map(text => resources.filter(text)(frame, 0, frame.length))
  expect(passes).toEqual([true, false])
  expect(() => resources.filter('udp port')).toThrow(/^filter 'udp port': /)
})

test('a browser refuses to read a file', () => {
  expect(() => resources.file('trace.txt')).toThrow('trace.txt: a page can name no file')
})
