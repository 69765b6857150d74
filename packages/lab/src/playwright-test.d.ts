/** The names of Playwright's runner that src/playwright.ts uses. Users have the runner's own. */
declare module '@playwright/test' {
  import type { Browser, BrowserType, LaunchOptions } from 'playwright-core'

  export type { Browser, BrowserType, LaunchOptions }
  export interface PlaywrightTestArgs {}
  export interface PlaywrightTestOptions {}
  export interface PlaywrightWorkerArgs {}
  export interface PlaywrightWorkerOptions {}
  export interface TestInfo {
    readonly title: string
    readonly titlePath: string[]
    readonly errors: { message?: string; stack?: string }[]
    readonly status?: string
    readonly expectedStatus: string
    attach(name: string, options: { path: string; contentType: string }): Promise<void>
    skip(condition: boolean, description: string): void
  }
  export type Fixtures<T extends object, W extends object, PT extends object, PW extends object> = {
    [K in keyof (T & W & PT & PW)]?: unknown
  }
  export interface TestType<TestArgs extends object, WorkerArgs extends object> {
    use(fixtures: Fixtures<object, object, TestArgs, WorkerArgs>): void
    extend<T extends object, W extends object = object>(
      fixtures: Fixtures<T, W, TestArgs, WorkerArgs>,
    ): TestType<TestArgs & T, WorkerArgs & W>
  }
  export const test: TestType<
    PlaywrightTestArgs & PlaywrightTestOptions,
    PlaywrightWorkerArgs & PlaywrightWorkerOptions
  >
  export const expect: unknown
}
