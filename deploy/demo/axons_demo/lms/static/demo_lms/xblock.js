/* Starts the XBlocks of a page. Imitates common/static/common/js/xblock/core.js, lms/static/lms/js/runtime and
   cms/static/cms/js/xblock/cms.runtime.v1.js: `element` is DOM in the LMS and jQuery in Studio. */
(function () {
  "use strict";

  function tellParent(message) {
    if (window.parent !== window) window.parent.postMessage(message, window.location.origin);
  }

  function handlerUrl(prefix) {
    return function (element, handlerName, suffix, query) {
      var node = element.jquery ? element[0] : element;
      var usage = node.closest("[data-usage-id]").dataset.usageId;
      return prefix + usage + "/handler/" + handlerName + (suffix ? "/" + suffix : "") + (query ? "?" + query : "");
    };
  }

  var listeners = {};
  function listenTo(name, callback) {
    (listeners[name] = listeners[name] || []).push(callback);
  }
  function notify(name, data) {
    (listeners[name] || []).forEach(function (callback) { callback(data || {}); });
    tellParent({ type: "xblock-event", name: name, data: data || {} });
  }

  var config = JSON.parse(document.getElementById("demo-config").textContent);
  window.LmsRuntime = { v1: function () {
    this.handlerUrl = handlerUrl("/courses/" + config.course + "/xblock/");
    this.notify = notify;
    this.listenTo = listenTo;
  } };
  window.StudioRuntime = { v1: function () {
    this.handlerUrl = handlerUrl("/studio/xblock/");
    this.notify = notify;
    this.listenTo = listenTo;
  } };

  function start(element) {
    var runtimeClass = element.dataset.runtimeClass;
    var init = window[element.dataset.init];
    if (!runtimeClass || !init) return;
    var runtime = new window[runtimeClass]["v" + element.dataset.runtimeVersion]();
    var holder = element.querySelector(":scope > .xblock_json_init_args");
    var args = holder ? JSON.parse(holder.textContent || "{}") : {};
    if (holder) holder.remove();
    init(runtime, runtimeClass === "StudioRuntime" ? window.jQuery(element) : element, args);
  }

  function tellHeight() {
    var content = document.getElementById("content");
    tellParent({ type: "plugin.resize", payload: { width: content.offsetWidth, height: content.offsetHeight } });
  }

  window.addEventListener("load", function () {
    document.querySelectorAll(".xblock-v1").forEach(start);
    new ResizeObserver(tellHeight).observe(document.getElementById("content"));
    tellHeight();
  });
})();
