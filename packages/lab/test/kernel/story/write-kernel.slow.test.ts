/** The tests that are written for stories, in the kernel. */
import { afterAll, expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { storyTest } from '../../../src/story/write-text.ts'
import { STORIES } from '../../support/stories.ts'

const consumer = new Consumer()
afterAll(() => consumer[Symbol.dispose]())

test('written tests pass in the kernel', () => {
  for (const [i, story] of Object.values(STORIES).entries()) {
    consumer.write(`s${i}.test.js`, storyTest(story))
  }
  const { status, stdout } = consumer.vitest(['--maxWorkers=4'], { env: { VNET_WORLD: 'kernel' } })
  expect(stdout).toContain(`${Object.keys(STORIES).length} passed`)
  expect(status).toBe(0)
}, 150_000)
