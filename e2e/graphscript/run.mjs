// run runs checks one after the other and returns how many failed.
export const run = async (checks, env, log) => {
  let [passed, failed] = [0, 0]
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(env)
      passed++
      log(`ok   ${name}`)
    } catch (error) {
      failed++
      log(`FAIL ${name}: ${error.message}`)
    }
  }
  log(`${passed} passed, ${failed} failed`)
  return failed
}
