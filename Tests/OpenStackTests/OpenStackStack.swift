import Foundation
import Synchronization
import TestSupport

/// The real OpenStack of `Tests/Stacks/openstack`, started when the first test asks and stopped when the program ends. Tokens
/// live 30 seconds: whatever a test does, it does across renewals.
enum OpenStackStack {
    static let script = "\(Repository.root)/Tests/Stacks/openstack/openstack-stack.sh"
    static let root = "/var/lib/berth-test-openstack"
    private static let environment = ["STACK_ROOT": root, "STACK_TOKEN_TTL": "30", "STACK_SMOKE": "0"]

    /// Whether it runs. Says loudly why where it cannot.
    static let isRunning: Bool = {
        guard getuid() == 0 else { return skipped("it installs and starts services as root") }
        do {
            atexit { OpenStackStack.stop() }
            try start()
            try prepare()
            return true
        } catch {
            return skipped("\(error)")
        }
    }()

    /// Room for many servers, and none left of a run that was cut short.
    private static func prepare() throws {
        let program = """
            import openstack, time

            def connect(user):
                return openstack.connect(
                    auth_url="http://127.0.0.1:5000/v3", username=user, password=user + "-secret", project_name=user,
                    user_domain_name="Default", project_domain_name="Default", region_name="RegionOne",
                    load_yaml_config=False, load_envvars=False)

            admin = connect("admin")
            project = admin.identity.find_project("demo").id
            quota = {"instances": 300, "cores": 400, "ram": 512000, "key_pairs": 300}
            admin.compute.put("/os-quota-sets/" + project, json={"quota_set": quota}).raise_for_status()
            admin.network.put("/quotas/" + project, json={"quota": {"port": 500}}).raise_for_status()
            for user in "demo", "tight":
                conn = connect(user)
                left = list(conn.compute.servers(details=False))
                for server in left:
                    conn.compute.delete_server(server)
                while list(conn.compute.servers(details=False)):
                    time.sleep(0.5)
            """
        let result = try Execution.run("/usr/bin/python3", ["-c", program], environment: ["PYTHONWARNINGS": "ignore"])
        guard result.status == .exited(0) else { throw Failure(description: String(result.standardError.suffix(1500))) }
    }

    private static func skipped(_ why: String) -> Bool {
        print("\n*** SKIPPED: every test against a real OpenStack: \(why)\n")
        return false
    }

    static func stop() {
        _ = try? run("stop")
    }

    /// Starts what is down.
    static func start() throws {
        let result = try run("start")
        guard result.status == .exited(0) else { throw Failure(description: String(result.standardError.suffix(1500))) }
    }

    /// Brings one service up (again).
    static func restart(_ service: String) throws {
        let result = try run("restart", service)
        guard result.status == .exited(0) else { throw Failure(description: String(result.standardError.suffix(1500))) }
    }

    /// Through Python, which hands no descriptor on: Foundation waits for a child by one that the services would inherit and
    /// keep.
    private static func run(_ command: String...) throws -> Execution.Result {
        try Execution.run(
            "/usr/bin/python3", ["-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))", "/bin/bash", script] + command,
            environment: environment)
    }

    /// Ends one service, by the pid that the script recorded.
    static func end(_ service: String) async throws {
        let text = try String(contentsOfFile: "\(root)/run/\(service).pid", encoding: .utf8)
        guard let pid = text.split(separator: " ").first.flatMap({ pid_t($0) }) else { throw Failure(description: "no pid of \(service)") }
        kill(-pid, SIGKILL)
        try await eventually("\(service) is gone") { kill(pid, 0) != 0 }
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// What Debian's own client prints, as JSON.
    @discardableResult
    static func client(_ user: String, _ arguments: [String]) throws -> Any {
        let settings = [
            "OS_AUTH_URL": "http://127.0.0.1:5000/v3", "OS_IDENTITY_API_VERSION": "3", "OS_USERNAME": user, "OS_PASSWORD": "\(user)-secret",
            "OS_PROJECT_NAME": user, "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": "RegionOne",
            "PYTHONWARNINGS": "ignore", "LC_ALL": "C.UTF-8",
        ]
        let result = try Execution.run("/usr/bin/python3", ["/usr/bin/openstack"] + arguments, environment: settings)
        guard result.status == .exited(0) else { throw Failure(description: result.standardError) }
        return (try? JSONSerialization.jsonObject(with: Data(result.standardOutput.utf8))) ?? [:]
    }
}
