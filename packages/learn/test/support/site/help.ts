/** Tests of the surroundings of an exercise's editor: hints, the module in C, and the layout. */
import { expect, test } from 'vitest'
import { PHONE } from '../../../../web/test/support/web/browser.ts'
import {
  editor,
  isFocused,
  picture,
  status,
  typeSolution,
  type Visit,
  violationsOf,
} from './visit.ts'

const WIDE = { viewport: { width: 1600, height: 900 } }

export function helpTests(visit: Visit): void {
  test('hints, the solution and the mistakes open one after another, and load when they open', async () => {
    const page = await visit.exercise('03-ring')
    const asked = () => visit.site.asked.own.filter(url => /solutions\/03-ring/.test(url))
    const steps = page.locator('.help summary')
    const shown = ['Hint 1', 'Hint 2', 'Hint 3', 'Solution', 'Mistakes that people make']
    for (const [i, name] of shown.entries()) {
      await expect
        .poll(() => steps.filter({ visible: true }).allTextContents())
        .toEqual(shown.slice(0, i + 1))
      if (i < 4) {
        expect(asked()).toEqual([])
      }
      await steps.getByText(name, { exact: true }).click()
    }
    await page.locator('.help').getByText('call dev.txq(skb).stop() after ring.push(skb)').waitFor()
    await page.locator('.help code').getByText('netifTxWakeAllQueues(dev)').last().waitFor()
    expect(await page.locator('.help').textContent()).not.toContain('// #end')
    const mistake = page.locator('.help section').filter({ hasText: 'Drops too' })
    await mistake.getByText('In a kernel: The ring holds a pointer to a freed sk_buff').waitFor()
    expect(await mistake.locator('pre').textContent()).toBe('  skb.hold()\n+ skb.drop()\n')
    expect(await violationsOf(page, '.exercise')).toEqual([])
    // The text has them only without scripts.
    expect(await page.locator('main').getByText('Three hints').isVisible()).toBe(false)
    await page.goto(`${page.url()}#hints`)
    await page.getByRole('heading', { name: 'Hints' }).waitFor()
  })

  test('a driver that has passed is shown beside the module in C, function by function', async () => {
    const page = await visit.exercise('01-drop', WIDE)
    const compare = page.getByRole('button', { name: 'Compare it with the driver in C' })
    expect(await compare.isVisible()).toBe(false)
    await typeSolution(page)
    await editor(page).press('Control+Enter')
    await compare.click()
    const dialog = page.getByRole('dialog', { name: 'The same driver in C' })
    const box = (text: string) => dialog.locator('pre').filter({ hasText: text }).boundingBox()
    const own = (await box('function startXmit(skb, dev) {'))!
    const other = (await box('static netdev_tx_t drop_start_xmit('))!
    expect(other.y).toBe(own.y)
    expect(other.x).toBeGreaterThan(own.x + own.width)
    await dialog.getByText('make -C packages/learn/course/kernel 01-drop').waitFor()
    expect(await violationsOf(page, '.exercise dialog')).toEqual([])
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    await editor(page).press('x')
    await compare.waitFor({ state: 'hidden' })
  })

  test('the divider moves by keys and by the pointer, and remains there', async () => {
    const page = await visit.exercise('01-drop', { viewport: { width: 1100, height: 800 } })
    const divider = page.getByRole('separator', { name: 'Width of the text' })
    const widths = async () =>
      Promise.all(
        ['main', '.exercise'].map(async place =>
          Math.round((await page.locator(place).boundingBox())?.width ?? 0),
        ),
      )
    const [text, code] = (await widths()) as [number, number]
    expect(text + code).toBeGreaterThan(900)
    await divider.focus()
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('ArrowLeft')
    }
    const [narrower = 0, wider] = await widths()
    expect([narrower + 82 < text + 10, wider]).toEqual([true, text + code - narrower])
    const { x, y, height } = (await divider.boundingBox())!
    await page.mouse.move(x + 8, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + 108, y + height / 2)
    await page.mouse.up()
    const moved = await widths()
    expect(Math.abs(moved[0]! - narrower - 108)).toBeLessThan(20)
    const now = await divider.getAttribute('aria-valuenow')
    await page.reload()
    await page.locator('.cm-editor').waitFor()
    expect([await divider.getAttribute('aria-valuenow'), await widths()]).toEqual([now, moved])
  })

  test('on a phone a link leads to the editor, and the verdict remains in view', async () => {
    const page = await visit.exercise('01-drop', { viewport: PHONE })
    await page.evaluate(() => scrollTo(0, 0))
    const check = page.getByRole('button', { name: 'Check', exact: true })
    await check.click()
    const verdict = status(page).getByText('01-drop: 1 passed, 1 failed')
    await verdict.waitFor()
    expect((await editor(page).boundingBox())?.y).toBeGreaterThan(PHONE.height)
    await page.getByRole('link', { name: 'To the editor' }).click()
    await expect.poll(async () => (await editor(page).boundingBox())?.y).toBeLessThan(PHONE.height)
    for (const part of [check, verdict]) {
      const { y, height } = (await part.boundingBox())!
      expect([y > 0, y + height <= PHONE.height]).toEqual([true, true])
    }
  })

  test('an explanation of the editor is above the text of the page', async () => {
    const page = await visit.exercise('03-ring', WIDE)
    await editor(page, 'ring.js').focus()
    await page.keyboard.press('Control+End')
    await page.keyboard.type('netifR')
    const explanation = page.locator('.explanation')
    await explanation.waitFor()
    const isAbove = await explanation.evaluate(shown => {
      const { left, top } = shown.getBoundingClientRect()
      return shown.contains(document.elementFromPoint(left + 4, top + 4))
    })
    expect(isAbove).toBe(true)
  })

  test('a driver of your own in the playground has the editor of the exercises', async () => {
    const page = await visit.page('playground.html')
    await picture(page).waitFor()
    await page.getByRole('combobox', { name: 'Driver' }).selectOption('own')
    const own = page.getByRole('textbox', { name: 'The text of your driver' })
    await page.locator('.playground .cm-editor[data-types]').waitFor()
    await own.press('Control+End')
    await page.keyboard.type('defineDr')
    await page.getByRole('option', { name: 'defineDriver' }).first().waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+Enter')
    await page.getByRole('log').getByText('run 3: driver.js').waitFor()
  })

  test('Step by step in the playground shows the step of a frame without scrolling', async () => {
    const page = await visit.page('playground.html')
    await picture(page).waitFor()
    await page.getByRole('button', { name: 'Step by step' }).click()
    const step = page.getByText(/^Step \d+ of \d+/).first()
    await step.waitFor()
    await expect.poll(async () => (await step.boundingBox())?.y).toBeLessThan(700)
    await isFocused(page, 'Step by step')
  })
}

export function scriptlessTests(visit: Visit): void {
  test('without scripts one sees the text, the skeleton and the hints, and no blank place', async () => {
    const page = await visit.page('learn/01-drop.html', { javaScriptEnabled: false })
    await page.locator('.exercise pre').getByText('function startXmit(skb, dev) {').waitFor()
    await page.getByText('Three hints').click()
    await page.getByText('Every path through startXmit').waitFor()
  })
}
