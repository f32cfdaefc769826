import Testing

@testable import PluginHost

@Suite("plugins.conf: what is read")
struct ConfigurationTests {
    @Test("sections, keys, comments and quotes are read as written")
    func lines() throws {
        let configuration = try read(
            """
            # a comment
            [plugin p]   # behind a header
            module = "a b.so"   # behind a value
              abi    =   compute/1
            [provider lab]
            plugin = p
            config.a = one#two
            config.b = "# not a comment"
            config.c = kernel=/k cmdline="a # b"
            config.d =
            x-anything = goes
            """)
        #expect(configuration.plugin("p")?.module == "a b.so")
        let settings = try #require(configuration.provider("lab")).settings.map { "\($0.name)=\($0.value)" }
        #expect(settings == ["a=one#two", "b=# not a comment", "c=kernel=/k cmdline=\"a # b\"", "d="])
    }

    @Test("carriage returns at the ends of lines do no harm")
    func carriageReturns() throws {
        #expect(try read("[plugin p]\r\nmodule = p.so\r\n").plugin("p")?.module == "p.so")
    }

    @Test("${state} is put in, and $${ stands for itself")
    func substitution() throws {
        let configuration = try read(
            "[plugin p]\nmodule = p.so\n[provider lab]\nplugin = p\nconfig.uri = q:///e?root=${state}/lab\nconfig.b = a$${b}$c\n")
        #expect(configuration.provider("lab")?.settings.map { "\($0.value)" } == ["q:///e?root=/var/lib/berth/lab", "a${b}$c"])
    }

    @Test("an include stands anywhere, is relative, sorted, and may match nothing")
    func includes() throws {
        let others = [
            "/etc/berth/conf.d/20-b.conf": "[provider b]\nplugin = p\n",
            "/etc/berth/conf.d/10-a.conf": "[provider a]\nplugin = p\ninclude = more.inc\n",
            "/etc/berth/conf.d/more.inc": "[flavor f]\ncpus = 1.5\nmemory-mib = 64\n",
        ]
        let configuration = try read("[plugin p]\ninclude = conf.d/*.conf\nmodule = p.so\ninclude = nothing.d/*.conf\n", others: others)
        #expect(configuration.providers.map(\.name) == ["a", "b"])
        #expect(configuration.flavors.map(\.cpus) == [1.5])
        #expect(configuration.plugin("p")?.module == "p.so", "a section goes on after an include")
        #expect(configuration.files.count == 4)
    }

    @Test("a section may go on in another file")
    func continuedSection() throws {
        let configuration = try read(
            "[plugin p]\nmodule = p.so\n[provider a]\nplugin = p\n[provider b]\nplugin = p\n[image debian]\na = one.qcow2\ninclude = more.conf\n",
            others: ["/etc/berth/more.conf": "[image debian]\nb = two\n"])
        #expect(configuration.images.map(\.values) == [["a": "one.qcow2", "b": "two"]])
    }

    @Test("the host section gives what providers do not say")
    func inheritance() throws {
        let configuration = try read(
            """
            [host]
            isolation = thread
            restart = 3 in 10m
            plugin-path = mine:/opt/p
            [plugin p]
            module = p.so
            [provider a]
            plugin = p
            [provider b]
            plugin = p
            isolation = process
            restart = 1 in 1s
            threads = 8
            memory = 1.5G
            descriptors = 256
            overcommit.cpus = 1.5
            deadline = 5s
            deadline.create = 10m
            deadline.suspend = 1h30m
            env.SSH_AUTH_SOCK = /run/agent
            """)
        let (a, b) = (try #require(configuration.provider("a")), try #require(configuration.provider("b")))
        #expect(configuration.host.pluginPath == ["/etc/berth/mine", "/opt/p"])
        #expect(a.isolation == .thread && a.restart == RestartBudget(count: 3, milliseconds: 600_000) && a.threads == 1)
        #expect(b.isolation == .process && b.restart == RestartBudget(count: 1, milliseconds: 1000) && b.threads == 8)
        #expect(b.memory == 3 << 29 && b.descriptors == 256 && b.overcommit == ["cpus": 1.5])
        #expect(a.deadline(for: "list") == 30_000 && b.deadline(for: "list") == 5000 && b.deadline(for: "create") == 600_000)
        #expect(b.deadline(for: "action", verb: "suspend") == 5_400_000 && b.deadline(for: "action", verb: "start") == 5000)
        #expect(b.environment.map { "\($0.name)=\($0.value)" } == ["SSH_AUTH_SOCK=/run/agent"])
    }

    @Test("a flat plugin has symbols, capabilities and extra calls")
    func flat() throws {
        let plugin = try #require(
            try read(
                """
                [plugin legacy]
                module = liblegacy.so
                style = flat
                symbol.list = legacy_list_all
                capabilities = create, destroy
                call legacy.ping = i32 (cstring host, u16 port)
                """
            ).plugin("legacy"))
        #expect(plugin.symbol(for: "list") == "legacy_list_all" && plugin.symbol(for: "legacy.ping") == "legacy_ping")
        #expect(plugin.capabilities == ["create", "destroy"] && plugin.extraCalls.map(\.signature) == ["i32 (cstring host, u16 port)"])
    }

    @Test("sections of other rooms are kept with file and line")
    func others() throws {
        let configuration = try read("[scheduler]\nbackfill = easy\nprepare-within = 30m\n[notify ops]\ncommand = /bin/true\n")
        #expect(configuration.section("scheduler")?["backfill"] == "easy")
        #expect(configuration.section("scheduler")?.duration("prepare-within") == 1_800_000)
        #expect(configuration.sections("notify").map { "\($0.name) \($0.location)" } == ["ops /etc/berth/plugins.conf:4"])
    }

    @Test("an image for a provider that is not there is a warning")
    func imageOfNobody() throws {
        let configuration = try read("[plugin p]\nmodule = p.so\n[provider lab]\nplugin = p\n[image d]\nlba = x\n")
        #expect(
            configuration.warnings.map { "\($0)" } == [
                "/etc/berth/plugins.conf:6: image 'd' names a provider 'lba' that is not there; did you mean 'lab'?"
            ])
    }

    @Test(
        "the values of the configuration's words",
        arguments: [("512M", 512 << 20), ("4096", 4096), ("2G", 2 << 30), ("1.5 KiB", 1536), ("1T", 1 << 40)])
    func sizes(text: String, bytes: Int) {
        #expect(ValueParser.size(text) == bytes)
    }

    @Test(
        "durations join",
        arguments: [("30s", 30_000), ("10m", 600_000), ("250ms", 250), ("1h30m", 5_400_000), ("7d", 604_800_000), ("0.5s", 500)])
    func durations(text: String, milliseconds: Int64) {
        #expect(ValueParser.duration(text) == milliseconds)
    }

    @Test("what is no value is none", arguments: ["", "s", "30", "30 s", "-5s", "1x", "9999999999999999999d", "nan s", "1e400s"])
    func noDurations(text: String) {
        #expect(ValueParser.duration(text) == nil)
        #expect(ValueParser.size(text.hasSuffix("s") ? text : text + "q") == nil)
    }
}
