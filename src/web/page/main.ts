/** The page. Begins when it is loaded. */
import { driverView } from './driver.ts'
import { Page } from './page.ts'

document.body.append(new Page([driverView]).element)
