import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'

test.use({ network: 'preset slow-3g' })

const PAGE = `<!doctype html>
  <button>Pay</button> <output></output>
  <script>
    const output = document.querySelector('output')
    document.querySelector('button').onclick = async ({ target }) => {
      target.disabled = true
      output.value = 'Paying'
      await fetch('/orders', { method: 'POST' })
      output.value = 'Paid'
    }
  </script>`

test('a slow checkout shows its progress, and orders once', async ({ page, server }) => {
  const orders = []
  const shop = http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html')
    if (request.method === 'POST') {
      orders.push(response)
    } else {
      response.end(PAGE)
    }
  })
  await server.listen(shop, 8080)
  await page.goto('http://server:8080/')
  const pay = page.getByRole('button', { name: 'Pay' })

  await pay.click()

  await expect(page.getByText('Paying')).toBeVisible()
  await expect(pay).toBeDisabled()
  await expect.poll(() => orders.length).toBe(1)
  orders[0].end()
  await expect(page.getByText('Paid')).toBeVisible()
  expect(orders.length).toBe(1)
})
