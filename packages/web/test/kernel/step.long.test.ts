/** The step view of a real vnet, in a browser: one ping, by clicks, by keys and by time. */
import { beforeAll, expect, test } from 'vitest'
import { type Netns, OwnNetns } from '#support/netns.ts'
import { jsonLines, spawnVnet, stopConserved } from '#support/vnet-process.ts'
import { TestBrowser } from '../support/web/browser.ts'

let netns: Netns
const own = new OwnNetns()
const browser = new TestBrowser({ netns: () => netns.name })

beforeAll(() => {
  netns = own.addQuiet()
  netns.ip('link set lo up')
  return () => own.remove()
})

test('a stepped ping continues by a click, a key or a timer, and each step shows its frame and lines', async () => {
  const within = ['ip', 'netns', 'exec', netns.name]
  const vnet = await spawnVnet(['snull', '--step', '--json'], { within })
  const web = await spawnVnet(['web', '8080', '--json'], { within })
  const page = await browser.open(`${jsonLines(web.stdout)[0]?.web}`)
  const notice = page.getByText('The frames of this vnet halt before each step.')
  await notice.waitFor()
  await page.getByRole('link', { name: 'See where' }).click()
  await notice.waitFor({ state: 'hidden' })
  const state = page.locator('.step-state')
  const says = (text: string) => state.filter({ hasText: text }).waitFor()
  const current = page.locator('.step-path [aria-current=step]')
  const code = page.locator('.step-code')
  await says('No frame waits')
  const ping = netns.run('ping -c 1 -W 30 198.18.0.2')

  await says('Step 1 of 5 at sn0')
  await page.getByText('The frame is still in the kernel.').waitFor()
  await page.getByRole('button', { name: 'Next step' }).click()
  await says('Step 2 of 5 at sn0, queue 0: ndoStartXmit is next.')
  expect(await current.innerText()).toContain('ndoStartXmit')
  expect(await code.locator('.next').innerText()).toContain('function startXmit(')
  await page.getByText('IP 198.18.0.1 > 198.18.0.2: ICMP echo request').waitFor()

  await page.keyboard.press('n')
  await says('Step 3 of 5 at sn1, queue 0: interrupt is next.')
  // What startXmit has done to the frame.
  await page.locator('.changed').filter({ hasText: '198.18.1.2 was 198.18.0.2' }).waitFor()
  await page.keyboard.press('n')
  await says('Step 4 of 5 at sn1')
  expect(await code.locator('.next').innerText()).toContain('netifRx(skb)')

  await page.getByLabel('Goes on by itself').selectOption('after 250 ms')
  expect((await ping).stdout).toContain('1 packets transmitted, 1 received')
  await says('No frame waits')
  await page.locator('h1').click()
  await page.keyboard.press('s')
  await says('Frames pass')
  expect((await netns.run('ping -c 1 -W 5 198.18.0.2')).status).toBe(0)
  await page.close()
  await stopConserved(vnet)
})
