import Model
import Monitor
import PluginHost

extension MonitorSettings {
    /// `[monitor]`, `[notify NAME]`, and the periods of `[provider NAME]`.
    init(_ configuration: Configuration) {
        self.init()
        if let own = configuration.section("monitor") {
            periods = periods.changed(poll: own.duration("poll")) { own.duration("poll.\($0)") }
            growAbove = own.number("grow-above") ?? growAbove
            shrinkBelow = min(own.number("shrink-below") ?? shrinkBelow, growAbove)
            settle = own.duration("settle") ?? settle
            renewBefore = own.duration("renew-before") ?? renewBefore
        }
        for provider in configuration.providers {
            let section = provider.section
            let changed = periods.changed(poll: section.duration("poll")) { section.duration("poll.\($0)") }
            if changed != periods { providers[provider.name] = changed }
        }
        notifiers = configuration.sections("notify").compactMap { Self.notifier($0, in: configuration) }
    }

    private static func notifier(_ section: Section, in configuration: Configuration) -> NotifierSettings? {
        let way: NotifierSettings.Way
        if let command = section["command"] {
            way = .command(command)
        } else if let url = section["url"] {
            // A URL may hold a token, so it may lie in a file.
            guard let url = try? SettingValue(url, in: folder(of: section.location.file)).resolve() else { return nil }
            way = .url(url)
        } else {
            return nil
        }
        var settings = NotifierSettings(name: section.name, way: way)
        if let words = section.list("on") { settings.occasions = Set(words.compactMap { NotifierSettings.Occasion(rawValue: $0) }) }
        settings.beforeStart = section.duration("before-start") ?? settings.beforeStart
        settings.beforeEnd = section.duration("before-end") ?? settings.beforeEnd
        settings.timeout = section.duration("timeout") ?? settings.timeout
        settings.retry = section.duration("retry") ?? settings.retry
        settings.retries = section.integer("retries") ?? settings.retries
        return settings
    }

    private static func folder(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
    }
}
