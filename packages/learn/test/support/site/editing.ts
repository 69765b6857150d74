/** Tests of the editor with the types of vnet. */
import { expect, test } from 'vitest'
import { editor, isFocused, status, typeSolution, type Visit } from './visit.ts'

export function editingTests(visit: Visit): void {
  test('the editor marks the line of a failure, until the next check passes', async () => {
    const page = await visit.exercise('01-drop')
    await editor(page).press('Control+Enter')
    await page.locator('.cm-lintRange-error').getByText('function startXmit(skb, dev) {').waitFor()
    await page.getByRole('button', { name: 'drop.js:11' }).click()
    await page.keyboard.insertText('/* here */')
    await editor(page).getByText('/* here */function startXmit').waitFor()
    await typeSolution(page)
    await editor(page).press('Control+Enter')
    await status(page).getByText('5 passed, 2 not run').waitFor()
    expect(await page.locator('.cm-lintRange-error').count()).toBe(0)
    await page.getByRole('heading', { name: 'Now on a real interface' }).waitFor()
  })

  test('a syntax error is marked while it is typed, beside the mark of a check', async () => {
    const page = await visit.exercise('01-drop')
    const errors = page.locator('.cm-lintRange-error')
    await editor(page).press('Control+Enter')
    await errors.waitFor()
    await editor(page).getByText('// TODO 4: no ARP.').click()
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await page.keyboard.insertText('const 1 = 2')
    await errors.filter({ hasText: /^1$/ }).hover()
    await page.locator('.cm-diagnostic').getByText('Syntax error: unexpected 1').waitFor()
    expect(await errors.count()).toBe(2)
    await page.keyboard.press('Shift+Home')
    await page.keyboard.insertText('const one = 1')
    await expect.poll(() => errors.allTextContents()).toEqual(['function startXmit(skb, dev) {'])
  })

  test('Tab indents, and leaves the editor after Escape', async () => {
    const page = await visit.exercise('01-drop')
    await editor(page).press('Tab')
    await editor(page).getByText('  // @ts-check').waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    await isFocused(page, 'Check')
  })

  test('members and names of vnet are completed, and a name is imported', async () => {
    const page = await visit.exercise('01-drop')
    const list = page.getByRole('listbox', { name: 'Completions' })
    await editor(page).getByText('// TODO 4: no ARP.').click()
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await page.keyboard.type('dev.mt')
    await list.getByRole('option', { name: 'mtu', exact: true }).waitFor()
    await page.locator('.explanation').getByText('mtu: number').waitFor()
    await page.keyboard.press('Escape')
    await list.waitFor({ state: 'hidden' })
    await page.keyboard.press('Control+Space')
    // The editor takes no Enter for a moment after the list has opened.
    await list.getByRole('option', { name: 'mtu', exact: true }).click()
    await page.keyboard.type(' & IFF_NOA')
    await list.getByRole('option', { name: 'IFF_NOARP' }).click()
    await editor(page).getByText('dev.mtu & IFF_NOARP').waitFor()
    await editor(page)
      .getByText("import { IFF_NOARP, allocEtherdevMqs, defineDriver } from 'vnet'")
      .waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    await isFocused(page, 'Check')
  })

  test('the pointer explains a name', async () => {
    const page = await visit.exercise('01-drop')
    await editor(page).getByText('defineDriver', { exact: true }).first().hover()
    await page.locator('.explanation').getByText('function defineDriver').waitFor()
  })
}
