/** The page. Begins when it is loaded. */
import { controlsView } from './controls.ts'
import { driverView } from './driver.ts'
import { Page } from './page.ts'

document.body.append(new Page([driverView, controlsView]).element)
