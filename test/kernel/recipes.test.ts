/** Every recipe of packages/lab/docs/recipes.md does what it says. */
import { on, once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { dirname } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createLab, type Lab } from '../../packages/lab/src/index.ts'

const page = readFileSync('packages/lab/docs/recipes.md', 'utf8')
const recipes = [...page.matchAll(/^### (.*?)\n(.*?)^```js\n(.*?)^```$/gms)].map(
  ([, title = '', , body = '']) => ({
    title,
    body,
  }),
)
const scope = { on, once, http, net, expect, vi }
const AsyncFunction = (async () => {}).constructor as FunctionConstructor

test('the page has at least 20 recipes', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(20)
  expect(new Set(recipes.map(({ title }) => title)).size).toBe(recipes.length)
})

/** Each recipe in the kernel. Recipes that start no program run in memory, too. */
const runs = recipes.flatMap(({ title, body }) => {
  const worlds = /\.(exec|spawn)\(/.test(body)
    ? (['kernel'] as const)
    : (['kernel', 'memory'] as const)
  return worlds.map(world => ({ title, body, world }))
})

test.each(runs)('recipe in the world $world: $title', async ({ body, world }) => {
  await using lab: Lab = await createLab({ world })
  const keep = lab.keepCaptures.bind(lab)
  const kept: string[] = []
  lab.keepCaptures = () => {
    const paths = keep()
    kept.push(...paths)
    return paths
  }
  try {
    await new AsyncFunction('lab', ...Object.keys(scope), body)(lab, ...Object.values(scope))
  } finally {
    await lab.close()
    for (const path of kept) {
      rmSync(dirname(path), { recursive: true, force: true })
    }
  }
})
