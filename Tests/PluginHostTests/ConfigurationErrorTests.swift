import Testing

@testable import PluginHost

@Suite("plugins.conf: what is refused")
struct ConfigurationErrorTests {
    @Test("all problems are reported, in the order of the files")
    func all() {
        let found = problems(
            """
            [plugin p]
            modul = p.so
            module = p.so
            include = more.conf
            [provider lab]
            plugin = q
            deadline = soon
            [flavour tiny]
            cpus = 1
            """, others: ["/etc/berth/more.conf": "nonsense\n[provider x]\n"])
        #expect(
            found == [
                "/etc/berth/plugins.conf:2: [plugin] has no key 'modul'; did you mean 'module'?",
                "/etc/berth/plugins.conf:7: 'deadline' wants a duration such as 30s, 10m or 4h, not 'soon'",
                "/etc/berth/plugins.conf:8: there is no section [flavour]; did you mean [flavor]?",
                "/etc/berth/more.conf:1: 'nonsense' is neither a [section] nor key = value",
                "/etc/berth/more.conf:2: [provider x] has no 'plugin'; add plugin = …",
            ])
    }

    static let cases: [(String, String)] = [
        ("key = value", "1: 'key' stands before the first section; put it below a [section]"),
        ("[plugin p", "1: the header '[plugin p' does not end with ]"),
        ("[a b c]", "1: the header '[a b c]' is not [kind] or [kind name]"),
        ("[host]\nname = \"x", "2: a quote is not closed"),
        ("[host]\n= x", "2: the key is missing"),
        ("[host]\nnä = x", "2: 'nä' is no key; keys are made of letters, digits and . _ -"),
        ("[host]\nname = a\nname = b", "3: 'name' of [host] stands at /etc/berth/plugins.conf:2 already"),
        ("[host]\nname = ${sate}/x", "2: there is no ${sate}; known: ${state}; write $${ for a literal ${"),
        ("[host]\nisolation = tread", "2: 'isolation' wants one of process, thread, not 'tread'; did you mean 'thread'?"),
        ("[host]\nrestart = 5 per 60s", "2: 'restart' wants a count and a time such as 5 in 60s, not '5 per 60s'"),
        ("[host x]", "1: [host] takes no name"),
        ("[provider]", "1: [provider] wants a name: [provider NAME]"),
        ("[provider a.b]\nplugin = p", "1: 'a.b' is no name for a provider: up to 63 letters, digits, _, -, a letter or digit first"),
        ("[provider ../x]\nplugin = p", "1: '../x' is no name for a provider: up to 63 letters, digits, _, -, a letter or digit first"),
        ("[abi greeter]\ncall a = void ()", "1: [abi] wants a name and a revision: [abi NAME/1], in a-z, 0-9 and _"),
        ("[abi greeter/1]", "1: [abi greeter/1] declares no call; add call NAME = TYPE (…)"),
        ("[abi compute/2]\ncall a = void ()", "1: this host speaks compute/1 only"),
        ("[plugin p]\nmodule = p.so\nabi = computer/1", "3: no section declares the ABI 'computer/1'; known: compute/1"),
        ("[plugin p]\nmodule = p.so\nsha256 = abc", "3: 'sha256' wants 64 hexadecimal digits, not 'abc'"),
        (
            "[plugin p]\nmodule = p.so\ncapabilities = create",
            "3: a driver with a table states its own capabilities; take the line out, or write style = flat"
        ),
        ("[plugin p]\nmodule = p.so\nsymbol.lsit = x", "3: 'symbol.lsit': there is no call 'lsit'; did you mean 'symbol.list'?"),
        ("[plugin p]\nmodule = p.so\ncall list = i32 ()", "3: call list: compute/1 has a call 'list' already"),
        (
            "[plugin p]\nmodule = p.so\ncall a.b = i32 (handle h)",
            "3: call a.b: an extra call takes and returns no pointers ('handle'); use scalars, cstring and bytes"
        ),
        ("[flavor f]\ncpus = 1.0005\nmemory-mib = 1", "2: 'cpus' has more than three decimals"),
        ("[flavor f]\ncpus = 0\nmemory-mib = 1", "2: 'cpus' wants a number from 0.001 to 4096.0, not '0'"),
        ("[notify n]\non = start", "1: [notify n] has neither command nor url; write one of them"),
        ("[notify n]\ncommand = true\nurl = http://a/", "1: [notify n] has both command and url; write one of them"),
        ("[notify n]\nurl = ftp://a/", "2: 'url' is neither http:// nor https://; a secret one: @file:PATH or @env:NAME"),
        ("[notify n]\ncommand = true\non = strat", "3: there is no 'strat' to tell of; did you mean 'start'?"),
        ("[monitor]\nshrink-below = 0.95", "2: a lease would shrink at a load (0.95) at which it grows (0.9)"),
        ("include = /etc/berth/gone.conf", "1: cannot read /etc/berth/gone.conf: no such file or directory"),
        ("include = plugins.conf", "1: /etc/berth/plugins.conf includes itself; take the include out"),
    ]

    @Test("each mistake has its sentence", arguments: cases)
    func sentence(text: String, problem: String) {
        #expect(problems(text) == ["/etc/berth/plugins.conf:\(problem)"])
    }

    @Test(
        "a provider's mistakes have theirs",
        arguments: [
            ("deadline.creat = 1s", "5: 'deadline.creat': there is no call or verb 'creat'; did you mean 'deadline.create'?"),
            ("env.1X = a", "5: 'env.1X' is no name for a variable; use letters, digits and _"),
            ("threads = 0", "5: 'threads' wants a whole number from 1 to 256, not '0'"),
            ("memory = lots", "5: 'memory' wants a size such as 512M or 2G, not 'lots'"),
            (
                "confg.uri = x",
                "5: [provider] has no key 'confg.uri'; known: plugin, enabled, isolation, restart, threads, deadline, deadline.*, memory, "
                    + "descriptors, overcommit.*, env.*, config.*, tag.*, poll, poll.list, poll.capacity, poll.catalog, poll.health, "
                    + "poll.inspect, poll.usage, poll.renew"
            ),
        ])
    func provider(line: String, problem: String) {
        #expect(problems("[plugin p]\nmodule = p.so\n[provider a]\nplugin = p\n\(line)\n") == ["/etc/berth/plugins.conf:\(problem)"])
    }

    @Test("an unknown plugin is named with the nearest known one")
    func unknownPlugin() {
        #expect(
            problems("[plugin libvirt]\nmodule = l.so\n[provider a]\nplugin = libvrit\n") == [
                "/etc/berth/plugins.conf:4: there is no [plugin libvrit]; did you mean 'libvirt'?"
            ])
    }

    @Test("two providers of one plugin cannot share the host's process")
    func threads() {
        let found = problems("[host]\nisolation = thread\n[plugin p]\nmodule = p.so\n[provider a]\nplugin = p\n[provider b]\nplugin = p\n")
        #expect(
            found == [
                "/etc/berth/plugins.conf:7: isolation = thread allows one provider a plugin, and [provider a] has p; use isolation = process"
            ])
    }

    @Test("a missing file says how to name another")
    func missing() {
        #expect(
            throws: ConfigurationErrors([
                .init(
                    SourceLocation(file: "/none", line: 0), "cannot read /none: no such file or directory",
                    hint: "name the configuration with --config FILE")
            ])
        ) {
            try Configuration.load("/none", state: "/s")
        }
    }

    @Test("includes in a circle end with an error")
    func circle() {
        let found = problems("include = b.conf", others: ["/etc/berth/b.conf": "include = plugins.conf"])
        #expect(found == ["/etc/berth/b.conf:1: /etc/berth/plugins.conf includes itself; take the include out"])
    }

    @Test(
        "a secret in clear is refused without being repeated",
        arguments: ["config.password", "config.auth.application_credential_secret", "env.OS_TOKEN"])
    func secrets(key: String) {
        let found = problems("[plugin p]\nmodule = p.so\n[provider a]\nplugin = p\n\(key) = hunter2\n")
        #expect(found == ["/etc/berth/plugins.conf:5: '\(key)' is a secret and stands here in clear; write @file:PATH or @env:NAME"])
    }

    @Test("an ABI that differs from the built-in one is refused with the first difference")
    func otherCompute() {
        let text = ABIDescription.compute.canonicalText
        #expect(problems(text).isEmpty)
        let changed = text.split(separator: "\n").map { $0.hasPrefix("call list") ? "call list = i32 (handle driver)" : String($0) }.joined(
            separator: "\n")
        #expect(
            problems(changed) == [
                "/etc/berth/plugins.conf:1: [abi compute/1] is not the one of this host: 'call list = i32 (handle driver)' should be 'call list = status (handle "
                    + "driver, ptr call)'; leave the section out, or write what `berth abi header` names"
            ])
        let shorter = text.split(separator: "\n").dropLast().joined(separator: "\n")
        #expect(
            problems(shorter).first?.contains(
                "'call action = status (handle driver, ptr call, cstring id, cstring verb, bytes args)' is missing") == true)
        #expect(problems(text + "call more = void ()\n").first?.contains("'call more = void ()' is too much") == true)
    }
}
