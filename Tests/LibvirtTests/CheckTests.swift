import TestSupport
import Testing

/// The built driver, as an author or an operator would try it.
@Suite("libvirt, checked")
struct CheckTests {
    @Test("the conformance kit finds nothing to fail against libvirt's own test driver, machines made and destroyed")
    func testDriver() async throws {
        let check = try Execution(
            Products.berth, ["plugins", "check", Products.driver("Libvirt"), "--set", "uri=test:///default", "--level", "3", "--seed", "1"])
        let result = try await check.result(within: 120)
        #expect(result.status == .exited(0), "\(result.standardOutput)\(result.standardError)")
        #expect(result.standardOutput.contains("0 failed, 0 crashed"), "\(result.standardOutput)")
    }
}
